# packages.sh: the Debian/Ubuntu packages CLTrain needs, installed when missing. Sourced by
# tools/quickstart, tools/test and .ci/run.
# shellcheck shell=bash

# PACKAGE KIND PROBE: a package counts as there when its probe is, so that other systems, and
# libraries built by hand, do as well. Kinds: command, pkg (pkg-config), file (a glob).
packages_build="
build-essential      command c++
cmake                command cmake
pkg-config           command pkg-config
ocl-icd-opencl-dev   pkg     OpenCL
libclblast-dev       pkg     clblast
libarchive-dev       pkg     libarchive
libjansson-dev       pkg     jansson
libxxhash-dev        pkg     libxxhash
libutf8proc-dev      pkg     libutf8proc
libcairo2-dev        pkg     cairo
"
packages_device="
pocl-opencl-icd      file    /etc/OpenCL/vendors/*.icd
"
packages_download="
curl                 command curl
ca-certificates      file    /etc/ssl/certs/ca-certificates.crt
"
packages_test="
libcmocka-dev        pkg     cmocka
pocl-opencl-icd      file    /etc/OpenCL/vendors/pocl.icd
oclgrind             command oclgrind
"
packages_ci="
clang                command clang
clang-format         command clang-format
locales              file    /usr/share/i18n/locales/de_DE
libclang-rt-dev      file    /usr/lib/clang/*/lib/linux/libclang_rt.fuzzer-*.a
mesa-opencl-icd      file    /etc/OpenCL/vendors/rusticl.icd
python3-venv         file    /usr/lib/python3*/ensurepip
"

package_present() { # KIND PROBE
    case $1 in
    command) command -v "$2" >/dev/null ;;
    pkg) command -v pkg-config >/dev/null && pkg-config --exists "$2" ;;
    file) compgen -G "$2" >/dev/null ;;
    esac
}

# need_packages LIST...: installs what is missing of $packages_LIST. apt is called only when
# something is; without apt or the right to use it, the packages are named and the script ends.
need_packages() {
    local list package kind probe missing=() as_root=()
    for list in "$@"; do
        list=packages_$list
        while read -r package kind probe; do
            [[ -z $package ]] || package_present "$kind" "$probe" || missing+=("$package")
        done <<<"${!list}"
    done
    [[ ${#missing[@]} -gt 0 ]] || return 0
    if ! command -v apt-get >/dev/null; then
        echo "missing, please install (Debian's names): ${missing[*]}" >&2
        exit 1
    fi
    if [[ $(id -u) -ne 0 ]]; then
        if ! command -v sudo >/dev/null; then
            echo "missing, please install as root: apt-get install ${missing[*]}" >&2
            exit 1
        fi
        as_root=(sudo)
    fi
    echo "installing ${missing[*]}"
    "${as_root[@]}" apt-get update -q
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get install -q -y --no-install-recommends "${missing[@]}"
}
