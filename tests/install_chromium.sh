#!/bin/sh
# Installs Debian's Chromium for the browser tests where none is on the path.
command -v chromium >/dev/null 2>&1 && exit 0
command -v apt-get >/dev/null 2>&1 || { echo "no chromium and no apt-get: browser tests will be skipped"; exit 0; }
run=""
[ "$(id -u)" = 0 ] || run="sudo"
$run apt-get update -q && DEBIAN_FRONTEND=noninteractive $run apt-get install -y -q chromium fonts-noto-cjk
