# Sourced by recipes. A recipe writes its settings into params.yaml, for the keys that it names. All other keys must be as
# committed: what another recipe, the same one with other arguments, or an edit has left there would change the result.
export RECIPE="${RECIPE:-${0##*/} $*}" # with its arguments; a recipe may call another one
last=.dvc/tmp/recipe                   # which recipe ended here last, and the checksum of its params.yaml
recipe_and_params() {
  echo "$RECIPE"
  git hash-object params.yaml
}
if [ "$(cat "$last" 2> /dev/null)" != "$(recipe_and_params)" ]; then
  git diff --quiet HEAD -- params.yaml || {
    echo "error: params.yaml has changes that are not committed; git checkout HEAD params.yaml takes them back" >&2
    exit 1
  }
fi
mkdir -p "${last%/*}"
trap 'recipe_and_params > "$last"' EXIT

# as_settings [path or URL of the data; default or null: the official address] [-S settings …] sets `words`: all of them as
# settings for DVC. The path is quoted for Hydra, which reads them.
as_settings() {
  local source=null
  case ${1--S} in
    -*) ;;
    *) source=${1:-null} && shift ;;
  esac
  if [ "$source" != null ]; then
    source="'$(printf %s "$source" | sed -e "s/\(\\\\*\)'/\1\1\\\\'/g" -e 's/\\*$/&&/')'"
  fi
  words=(-S "data.source=$source" "$@")
}
