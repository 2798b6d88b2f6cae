# Sourced by recipes. A recipe writes its settings into params.yaml, for the keys that it names. All other keys must be as
# committed: what another recipe, or the same one with other arguments, has left there would change the result.
export RECIPE="${RECIPE:-${0##*/} $*}" # with its arguments; a recipe may call another one
last=.dvc/tmp/recipe                   # whose settings params.yaml has
if [ "$(cat "$last" 2> /dev/null)" != "$RECIPE" ]; then
  git diff --quiet -- params.yaml || {
    echo "error: params.yaml has changes that are not committed; git checkout params.yaml takes them back" >&2
    exit 1
  }
  mkdir -p "${last%/*}"
  echo "$RECIPE" > "$last"
fi
