// Draws the words and the heat maps from the numbers in #content, and marks the word that is pointed at everywhere.
const content = JSON.parse(document.getElementById("content").textContent);
const count = content.tokens.length;
const strips = [...document.querySelectorAll(".strip")];
const root = document.documentElement;

const passageOf = element => content.models[element.dataset.model].passages[element.dataset.passage];
const percent = share => (100 * share).toFixed((share > 0.99 && share < 1) || (share > 0 && share < 0.01) ? 1 : 0) + " %";
const signed = value => (value < 0 ? "−" : "+") + Math.abs(value).toFixed(2);

function fillRibbons() {
  for (const ribbon of document.querySelectorAll(".ribbon")) {
    content.tokens.forEach((token, t) => {
      const word = document.createElement("span");
      word.textContent = token;
      word.dataset.t = t;
      ribbon.append(word, " ");
    });
    paintRibbon(ribbon);
  }
}

function paintRibbon(ribbon) {
  const signedKind = ribbon.dataset.kind !== "level";
  let values, low = 0, high;
  if (signedKind) {
    values = content.models[ribbon.dataset.model][ribbon.dataset.kind];
    high = Math.max(...values.map(Math.abs)) || 1;
  } else {
    const passage = passageOf(ribbon), name = ribbon.dataset.signal;
    values = name === "left" ? passage.left : passage.signals[name].mean;
    low = name === "left" ? 0 : Math.min(...values);
    high = Math.max(...values);
    const button = ribbon.previousElementSibling.querySelector("[aria-pressed=true]").textContent;
    ribbon.nextElementSibling.textContent = `${button}: blank ${low.toFixed(2)}, full colour ${high.toFixed(2)}`;
    ribbon.style.setProperty("--gate", `var(${gateVariable(name)})`);
  }
  [...ribbon.children].forEach((word, t) => {
    const share = signedKind ? Math.abs(values[t]) / high : (values[t] - low) / (high - low || 1);
    word.style.setProperty("--a", share.toFixed(3));
    word.className = signedKind ? (values[t] < 0 ? "against" : "for") : "level";
    word.classList.toggle("strong", signedKind && share > 0.4);
    word.classList.toggle("unknown", content.unknown[t]);
  });
}

function paintCells() {
  const style = getComputedStyle(root);
  const colour = name => {
    const [, r, g, b] = style.getPropertyValue(name).trim().match(/^#(..)(..)(..)$/).map(part => parseInt(part, 16));
    return [r, g, b];
  };
  for (const strip of strips) {
    if (strip.dataset.kind !== "cells") continue;
    const signal = passageOf(strip).signals[strip.dataset.signal];
    const bytes = Uint8Array.from(atob(signal.cells), letter => letter.charCodeAt(0));
    const above = colour(gateVariable(strip.dataset.signal));
    const below = colour("--variant-1");
    const canvas = strip.firstElementChild, context = canvas.getContext("2d");
    const image = context.createImageData(canvas.width, canvas.height);
    bytes.forEach((byte, index) => {
      const value = signal.signed ? byte / 127.5 - 1 : byte / 255;
      image.data.set([...(value < 0 ? below : above), 255 * Math.abs(value)], 4 * index);
    });
    context.putImageData(image, 0, 0);
  }
}

function gateVariable(letter) {
  return { left: "--variant-4", i: "--variant-2", r: "--variant-2", o: "--variant-3" }[letter] || "--variant-0";
}

function tipText(element, t, height) {
  const model = content.models[element.dataset.model];
  const word = `“${content.tokens[t]}” (token ${t + 1}${content.unknown[t] ? ", unknown" : ""})`;
  const kind = element.dataset.kind;
  if (kind === "prefixes") {
    const chances = model.prefixes[t].map((share, index) => [share, content.classes[index]]).sort((a, b) => b[0] - a[0]);
    return `after ${word}: ` + chances.slice(0, 4).map(([share, name]) => `${name} ${percent(share)}`).join(", ");
  }
  if (kind === "leave_one_out" || kind === "gradient_input") {
    return `${word}: leave one out ${signed(model.leave_one_out[t])}, gradient × input ${signed(model.gradient_input[t])}`;
  }
  const passage = passageOf(element);
  if (kind === "followed") return `${word}: ${sums(element).join("; ")}`;
  if (kind === "kept" || (kind === "level" && element.dataset.signal === "left")) {
    const [written, left] = [passage.written[t], passage.left[t]];
    return `${word}: wrote ${written.toPrecision(2)}, left at the end ${left.toPrecision(2)} (${percent(written ? left / written : 0)})`;
  }
  const signal = passage.signals[element.dataset.signal];
  let text = `${word}: ${signal.name}, ${signal.signed ? "mean size" : "mean"} ${signal.mean[t].toFixed(2)}`;
  if (kind === "cells") {
    const row = Math.min(model.hidden_size - 1, Math.max(0, Math.floor(height * model.hidden_size)));
    const byte = atob(signal.cells).charCodeAt(row * count + t);
    const value = signal.largest * (signal.signed ? byte / 127.5 - 1 : byte / 255);
    const more = signal.signed && (byte === 0 || byte === 255) ? " or more" : "";
    text += `; cell ${passage.order[row] + 1} of ${model.hidden_size}: ${value.toFixed(2)}${more}`;
  }
  return text;
}

// The equations of the cell that is followed, with its numbers at the marked word.
function sums(element) {
  const { followed, before, segment } = passageOf(element);
  const number = (letter, t) => (followed[letter][t] ?? 0).toFixed(3).replace("-", "−");
  const piece = t => Math.floor(t / segment); // at whose start the states are 0
  const past = piece(at + before) === piece(at) ? at + before : -1;
  const lines = [...element.closest(".signal").querySelectorAll("[data-equation]")];
  return lines.map(line =>
    line.dataset.equation
      .replace(/([A-Za-z])_(t|\{t−1\})/g, (_, letter, when) => number(letter, when === "t" ? at : past))
      .replace(/⊙ (−[\d.]+)|\+ (−[\d.]+)/g, (part, value) => part.replace(/−.*/, "($&)"))
      .replaceAll("⊙", "·"),
  );
}

function fillNumbers() {
  for (const block of document.querySelectorAll(".numbers")) {
    const { f, i, g, z, n } = passageOf(block).followed;
    const [kept, added] = f ? [f[at], i[at] * g[at]] : [z[at], (1 - z[at]) * n[at]];
    const where = `At “${content.tokens[at]}” (token ${at + 1}) it keeps ${percent(kept)} of what it held and adds ${signed(added)}:`;
    block.querySelector(".where").textContent = where;
    const lines = sums(block);
    block.querySelectorAll("[data-equation]").forEach((line, index) => (line.textContent = lines[index]));
  }
}

let at = null;
function mark(t) {
  if (at !== null) document.querySelectorAll(`[data-t="${at}"]`).forEach(word => word.classList.remove("now"));
  at = t;
  root.style.setProperty("--at", (100 * (t + 0.5)) / count);
  root.style.setProperty("--seen", 0.8);
  document.querySelectorAll(`[data-t="${t}"]`).forEach(word => word.classList.add("now"));
  fillNumbers();
}

let last = null;
function point(event) {
  const strip = event.target.closest(".strip"), word = event.target.closest("[data-t]");
  if (strip) {
    const box = strip.getBoundingClientRect();
    mark(Math.min(count - 1, Math.max(0, Math.floor((count * (event.clientX - box.left)) / box.width))));
    last = { element: strip, height: (event.clientY - box.top) / box.height };
  } else if (word) {
    mark(+word.dataset.t);
    last = { element: word.closest(".ribbon"), height: 0 };
  } else {
    return;
  }
  if (last.element) place(tipText(last.element, at, last.height), event.pageX, event.pageY);
}

function place(text, x, y) {
  tip.textContent = text;
  tip.style.display = "block";
  tip.style.left = Math.max(8, Math.min(x + 14, root.clientWidth - tip.offsetWidth - 8)) + "px";
  tip.style.top = y - tip.offsetHeight - 12 + "px";
}

fillRibbons();
paintCells();
// At first, the word at which the first cell that is followed changes its mind most.
const memory = (({ C, h }) => C || h)(content.models[0].passages[0].followed);
const changes = memory.map((value, t) => Math.abs(value - (memory[t - 1] ?? 0)));
mark(changes.indexOf(Math.max(...changes)));
document.addEventListener("pointermove", point);
document.addEventListener("pointerdown", point);
document.addEventListener("keydown", event => {
  const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (!step || !last) return;
  event.preventDefault();
  mark(Math.min(count - 1, Math.max(0, at + step)));
  if (last.element) {
    const box = last.element.getBoundingClientRect();
    place(tipText(last.element, at, last.height), box.left + (box.width * (at + 0.5)) / count + scrollX, box.top + scrollY);
  }
});
document.addEventListener("click", event => {
  const button = event.target.closest(".buttons button");
  if (!button) return;
  const group = button.parentElement, ribbon = group.nextElementSibling;
  group.querySelectorAll("button").forEach(other => other.setAttribute("aria-pressed", other === button));
  ribbon.dataset.signal = button.dataset.signal;
  paintRibbon(ribbon);
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", paintCells);
