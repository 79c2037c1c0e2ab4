#!/usr/bin/env bash
# Darknet's goldens on a 64-bit ARM that qemu emulates: tools/arm/emulate.sh PYTHON FOLDER
#
# PYTHON has darknet-py and its tests installed; FOLDER gets an emulator, an ARM's system libraries and Python, wheels,
# and kernels (about 700 MB). Nothing else on this machine changes, and nobody has to be root: packages are unpacked, and
# the emulator finds the ARM's files below FOLDER. Kernels are compiled here, with LLVM's code generator for ARM.
#
# Where that cannot be had, a line says what is missing, and the exit code is 0. A wrong bit, or a crash, is an error.
# ARM_CPU names the processor (see cross.py), and INT8_CPU one with dot products, for 8-bit integers; ARM_TIME the most
# seconds for all.
set -euo pipefail
cd "$(dirname "$0")/../.."

python=$1
mkdir -p "$2"
folder=$(cd "$2" && pwd)
export ARM_SIGNATURES=$folder/signatures
end=$((SECONDS + ${ARM_TIME:-1500}))

tests=(
    tests/test_goldens.py tests/test_alexeyab_goldens.py tests/test_train_goldens.py tests/test_denormals.py
    tests/test_nan_bits.py
    tests/test_alexeyab_layers.py::test_golden tests/test_alexeyab_layers.py::test_fast_is_near
    tests/test_fast.py::test_winograd_of_each_shape tests/test_fast.py::test_a_network_same_numbers_whatever_the_threads
    tests/test_image_jpeg.py tests/test_vector_exp.py tests/test_vector_single.py
)
int8_tests=(tests/test_int8.py::test_every_layer_has_the_bits_of_its_twin)
# In one process, and without packages for more.
pytest=(-m pytest -q -o "addopts=--strict-markers -m 'not slow and not network'")

not_tried() {
    echo "ARM was not tried: $1"
    exit 0
}

# Runs a command until the time is over: then that is said, and proves nothing.
in_time() {
    local code=0 left=$((end - SECONDS))
    [ "$left" -gt 0 ] || not_tried "no time was left for: $*"
    timeout "$left" "$@" || code=$?
    [ "$code" != 124 ] || not_tried "no end within ${ARM_TIME:-1500} s: $*"
    return "$code"
}

# apt ARCHITECTURE COMMAND...: with lists and packages of its own below FOLDER.
apt() {
    local place=$folder/apt-$1
    mkdir -p "$place/state/lists/partial" "$place/cache/archives/partial"
    touch "$place/status"
    in_time apt-get -qq -o "Dir::State=$place/state" -o "Dir::State::status=$place/status" -o "Dir::Cache=$place/cache" \
        -o "APT::Architecture=$1" -o "APT::Architectures=$1" -o APT::Sandbox::User=root -o APT::Install-Recommends=0 \
        -o Acquire::Languages=none "${@:2}" < /dev/null > "$place/log" 2>&1
}

# unpacked ARCHITECTURE TO PACKAGE...: the packages' files, with those of all that they need.
unpacked() {
    local package
    apt "$1" update && apt "$1" install -y --download-only "${@:3}" || return 1
    mkdir -p "$2"
    for package in "$folder/apt-$1/cache/archives/"*.deb; do
        dpkg-deb -x "$package" "$2" || return 1
    done
}

find_emulator() {
    emulator=$(command -v qemu-aarch64-static || true)
    [ -z "$emulator" ] || return 0
    emulator=$folder/emulator/usr/bin/qemu-aarch64-static
    [ -x "$emulator" ] || unpacked amd64 "$folder/emulator" qemu-user-static
}

find_wheels() {
    [ ! -e "$folder/site/complete" ] || return 0
    local -a wanted=() platforms=()
    mapfile -t wanted < <("$python" -c '
from importlib.metadata import version
for name in ("numba", "llvmlite", "numpy", "pillow", "click", "platformdirs", "pytest", "hypothesis"):
    print(f"{name}=={version(name)}")')
    for glibc in 2_28 2_27 2_24 2_17; do
        platforms+=(--platform "manylinux_${glibc}_aarch64")
    done
    platforms+=(--platform manylinux2014_aarch64 --python-version "$version" --only-binary=:all:)
    in_time "$python" -m pip download -q --disable-pip-version-check "${platforms[@]}" -d "$folder/wheels" "${wanted[@]}" &&
        in_time "$python" -m pip install -q --disable-pip-version-check --no-index --no-deps --upgrade \
            --target "$folder/site" "${platforms[@]}" "$folder/wheels/"*.whl && touch "$folder/site/complete"
}

[ "$(uname -s -m)" = "Linux x86_64" ] || not_tried "the emulator's package is for Linux on x86-64"
command -v apt-get dpkg-deb timeout > /dev/null || not_tried "there are no apt-get and dpkg-deb to fetch packages with"
version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
find_emulator || not_tried "qemu-user-static cannot be fetched (see $folder/apt-amd64/log)"
[ -e "$folder/root/usr/bin/python3" ] || unpacked arm64 "$folder/root" python3-minimal libpython3-stdlib libgomp1 libstdc++6 ||
    not_tried "packages for arm64 cannot be fetched (see $folder/apt-arm64/log)"
[ -x "$folder/root/usr/bin/python$version" ] ||
    not_tried "this system's packages have no Python $version, which is what kernels would be compiled with"
find_wheels || not_tried "wheels for Python $version on aarch64 cannot be fetched"

# emulate CPU TESTS...
emulate() {
    export ARM_CPU=$1
    shift
    # Which kernels there are to compile: the same tests, run here. (They may fail here: that is other steps' matter.)
    rm -rf "$folder/kernels" "$ARM_SIGNATURES"
    # With kernels of their own: what stands for the ARM's instructions there is none of this processor's.
    PYTHONPATH=$PWD:$PWD/tools/arm NUMBA_CACHE_DIR=$folder/here in_time "$python" "${pytest[@]}" -p signatures "$@" > "$folder/here.log" 2>&1 || true
    [ -e "$ARM_SIGNATURES" ] || { tail -20 "$folder/here.log"; exit 1; }
    PYTHONPATH=$PWD NUMBA_CACHE_DIR=$folder/kernels in_time "$python" tools/arm/ahead.py "$ARM_CPU" "$ARM_SIGNATURES"

    echo "Emulated: $ARM_CPU, Python $version, $("$emulator" --version | head -1)"
    local -a names=()
    mapfile -t names < <("$python" tools/arm/cross.py "$ARM_CPU")
    in_time env "${names[@]#export }" "NUMBA_CACHE_DIR=$folder/kernels" PYTHONDONTWRITEBYTECODE=1 \
        "PYTHONPATH=$folder/site:$PWD:$PWD/tools/arm" "$emulator" -L "$folder/root" \
        "$folder/root/usr/bin/python$version" "${pytest[@]}" -p no:cacheprovider -p counted -rs "$@"
}

emulate "${ARM_CPU:-cortex-a72}" "${tests[@]}"
emulate "${INT8_CPU:-neoverse-n1}" "${int8_tests[@]}"
