#!/bin/sh
# Installs the bundle that lies beside this script: sh install.sh [--prefix DIR]
# Nothing is left behind unless all went well; a bundle that is there already is replaced in one step.
set -eu

die() {
  printf 'install.sh: %s\n' "$1" >&2
  exit "${2:-1}"
}

prefix=${HOME:-.}/tsm-edge/$name
while [ $# -gt 0 ]; do
  case $1 in
    --prefix) [ -n "${2:-}" ] || die "--prefix needs a folder" 2; prefix=$2; shift 2 ;;
    --prefix=?*) prefix=${1#--prefix=}; shift ;;
    -h | --help) printf 'usage: sh install.sh [--prefix DIR], by default %s\n' "$prefix"; exit 0 ;;
    *) die "unknown argument $1; usage: sh install.sh [--prefix DIR]" 2 ;;
  esac
done

machine=$(uname -m)
case $machine in arm64) machine=aarch64 ;; amd64) machine=x86_64 ;; esac
[ "$machine" = "$architecture" ] ||
  die "$name was compiled for $target, a 64-bit $architecture processor; this one is $machine"
here_system=Linux
[ ! -e /system/bin/linker64 ] || here_system=Android
[ "$here_system" = "$system" ] || die "$name was compiled for $target and $system; this is $here_system"
[ "$(getconf LONG_BIT 2>/dev/null || echo 64)" = 64 ] || die "$name needs a 64-bit system; this one has 32 bits"

here=$(cd "$(dirname "$0")" && pwd)
while [ "${prefix%/}" != "$prefix" ] && [ "$prefix" != / ]; do prefix=${prefix%/}; done
mkdir -p "$(dirname "$prefix")" || die "cannot make $(dirname "$prefix"); choose another --prefix"
parent=$(cd "$(dirname "$prefix")" && pwd)
prefix=${parent%/}/$(basename "$prefix")
if [ -e "$prefix" ] && [ ! -f "$prefix/manifest.json" ] && ! rmdir "$prefix" 2>/dev/null; then
  die "will not replace $prefix: it is no bundle; choose another --prefix"
fi

free_kib=$(df -Pk "$parent" 2>/dev/null | tail -n 1 | while read -r _ _ _ free _; do echo "$free"; done)
case $free_kib in
  '' | *[!0-9]*) ;; # df tells nothing: the copy will show
  *) [ "$free_kib" -ge "$need_kib" ] || die "$parent has $free_kib KiB free, $need_kib are needed" ;;
esac

aside=$parent/.$(basename "$prefix")-$$
old=$aside-old
trap 'rm -rf "$aside"' EXIT
trap 'exit 130' HUP INT TERM
mkdir "$aside" || die "cannot write to $parent; choose another --prefix"
cp -R "$here/bundle/." "$aside/" || die "cannot copy to $parent; make room or choose another --prefix"
# What the bundle has twice came once; phones' rules forbid links, so that a copy must do there.
tab=$(printf '\t')
printf '%s\n' "$twins" | while IFS=$tab read -r there twin; do
  [ -z "$there" ] || ln "$aside/$there" "$aside/$twin" 2>/dev/null || cp "$aside/$there" "$aside/$twin" || exit 1
done || die "cannot copy to $parent; make room or choose another --prefix"
if command -v sha256sum >/dev/null 2>&1; then
  (cd "$aside" && sha256sum -c "$here/SHA256SUMS" >/dev/null 2>&1) ||
    die "a file was altered on its way; copy the archive again"
else
  echo "sha256sum is missing: the files were not compared"
fi
chmod 755 "$aside/tsm-run"
"$aside/tsm-run" "$aside" || die "the bundle does not compute here what it should; nothing was installed"

if [ -e "$prefix" ]; then
  mv "$prefix" "$old"
  mv "$aside" "$prefix" || { mv "$old" "$prefix"; die "cannot move the bundle to $prefix"; }
  rm -rf "$old"
else
  mv "$aside" "$prefix" || die "cannot move the bundle to $prefix"
fi
printf 'installed in %s\n' "$prefix"
printf "next: '%s/tsm-run' '%s' --frames 200\n" "$prefix" "$prefix"
[ ! -f "$prefix/tsm_edge_lite.py" ] || printf "  or: python3 '%s/tsm_edge_lite.py' --source 0\n" "$prefix"
