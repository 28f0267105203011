#!/bin/sh
# Gathers one layer of Topsail's images as a folder, as src/main/image-files.ts puts it into archives.
#   rootfs.sh base|home|topsail|bookshop|envoy FOLDER      in the root of a clone that is bundled; ENVOY_PATH for envoy
set -eu
part=$1
out=$2
opt=$out/opt/topsail
mkdir -p "$out"

# put FILE TARGET MODE: what FILE leads to
put() {
  mkdir -p "$(dirname "$out$2")"
  cp -L "$1" "$out$2"
  chmod "$3" "$out$2"
}
libraries_of() {
  missing=$(ldd "$1" | sed -n 's/ => not found//p')
  [ -z "$missing" ] || { echo "$1 needs $missing" >&2; exit 1; }
  ldd "$1" | sed -n 's/^[[:space:]]*\(.* => \)\{0,1\}\(\/[^ ]*\) (0x.*/\2/p'
}
# tree FOLDER FIND-EXPRESSION…: files of the clone below /opt/topsail
tree() {
  [ -d "$1" ] || return 0
  find -H "$@" -type f | while read -r file; do
    mkdir -p "$opt/$(dirname "$file")"
    cp "$file" "$opt/$file"
    chmod 644 "$opt/$file"
  done
}

case $part in
base)
  node=$(ls node_modules/node-linux-*/bin/node)
  nft=$(command -v nft || ls /usr/sbin/nft)
  put "$node" /usr/local/bin/node 755
  put "$nft" /usr/sbin/nft 755
  put /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt 644
  for library in $(libraries_of "$node") $(libraries_of "$nft"); do put "$library" "$library" 755; done
  # Loaded by name at run time, so ldd does not see them: the resolver's.
  libc=$(ldd "$node" | sed -n 's/.* => \(\/.*\/libc\.so\.6\) (0x.*/\1/p')
  for name in libnss_files.so.2 libnss_dns.so.2 libresolv.so.2; do
    library=$(dirname "$libc")/$name
    [ ! -e "$library" ] || put "$library" "$library" 755
  done
  cat >"$out/etc/passwd" <<'END'
root:x:0:0:root:/:/nologin
topsail:x:1337:1337:topsail:/var/lib/topsail:/nologin
END
  cat >"$out/etc/group" <<'END'
root:x:0:
topsail:x:1337:
END
  echo 'hosts: files dns' >"$out/etc/nsswitch.conf"
  chmod 644 "$out/etc/passwd" "$out/etc/group" "$out/etc/nsswitch.conf"
  mkdir -p "$out/tmp" "$out/var/lib"
  chmod 1777 "$out/tmp"
  ;;
home)
  mkdir -p "$out/topsail"
  chmod 750 "$out/topsail"
  ;;
topsail)
  arch=$(node -p process.arch)
  version=$(node -p "require('./package.json').version")
  tree dist ! -name '*.map'
  tree deploy
  tree "node_modules/@koromix/koffi-linux-$arch" ! -path '*/musl*'
  tree node_modules/koffi ! -path '*/doc/*' ! -path '*/vendor/*' \( -name '*.js' -o -name '*.cjs' -o -name '*.json' \)
  printf '{"name":"topsail","version":"%s","type":"module"}' "$version" >"$opt/package.json"
  chmod 644 "$opt/package.json"
  ;;
bookshop)
  tree examples/bookshop/src -name '*.ts'
  printf '{"type":"module"}' >"$opt/package.json"
  chmod 644 "$opt/package.json"
  ;;
envoy)
  for library in $(libraries_of "$ENVOY_PATH"); do put "$library" "$library" 755; done
  put "$ENVOY_PATH" /usr/local/bin/envoy 755
  ;;
*)
  echo "$part is no part: base, home, topsail, bookshop or envoy" >&2
  exit 1
  ;;
esac
