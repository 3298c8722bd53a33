# Sourced by the scripts of this folder, which say on stderr what they do and print only a path on stdout.
cache=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/anyward/kernel

say() { printf 'kernel: %s\n' "$*" >&2; }
fail() {
  printf 'kernel: %s\n' "$1" >&2
  shift
  for cure in "$@"; do printf '        %s\n' "$cure" >&2; done
  exit 2
}

# install_missing PROGRAM:PACKAGE…
install_missing() {
  local entry missing=()
  for entry in "$@"; do command -v "${entry%%:*}" >/dev/null || missing+=("${entry##*:}"); done
  ((${#missing[@]} > 0)) || return 0
  ((EUID == 0)) && command -v apt-get >/dev/null || fail "these are missing: ${missing[*]}" 'Install them (their Debian names), then run this again.'
  say "Debian packages: ${missing[*]}"
  DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends -o DPkg::Lock::Timeout=300 \
    "${missing[@]}" </dev/null >&2 || fail "apt-get could not install: ${missing[*]}" 'apt-get update, then run this again.'
}

# The mirror that this machine uses for Debian.
debian_mirror() {
  local uri
  # shellcheck disable=SC2016 # apt fills it in
  uri=$(apt-get indextargets --format '$(REPO_URI)' 'Origin: Debian' 'Label: Debian' 'Created-By: Packages' 2>/dev/null | head -n 1)
  [[ -n $uri ]] || fail 'apt knows no mirror of Debian.' 'On Debian: apt-get update, then run this again.'
  echo "$uri"
}
