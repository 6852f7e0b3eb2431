#!/bin/sh
# RUSTC_WRAPPER of run.sh: only what is fuzzed is instrumented (our crates, the targets, the parsers below us); the rest of
# the dependencies compiles as always, which saves hours and gigabytes. These flags work with stable rustc.
rustc=$1
shift
case " $* " in
*" --crate-type proc-macro "* | *" --crate-name build_script_build "*) exec "$rustc" "$@" ;;
*" --crate-name fuzz "* | *" --crate-name targets "* | *" --crate-name delivery "* | *" --crate-name dns "* | \
*" --crate-name model "* | *" --crate-name smtp "* | *" --crate-name mail "* | *" --crate-name journal "* | \
*" --crate-name intake "* | *" --crate-name queue "* | *" --crate-name campaign "* | *" --crate-name monitor "* | \
*" --crate-name store "* | *" --crate-name suite "* | *" --crate-name mail_parser "* | *" --crate-name mail_auth "* | \
*" --crate-name lol_html "* | *" --crate-name mrml "* | *" --crate-name htmlparser "* | *" --crate-name css_inline "* | \
*" --crate-name html2text "* | *" --crate-name csv "* | *" --crate-name csv_core "* | *" --crate-name minicbor "* | \
*" --crate-name toml "* | *" --crate-name toml_parser "* | *" --crate-name serde_json "* | *" --crate-name idna "*)
    exec "$rustc" "$@" --cfg fuzzing -Cpasses=sancov-module \
        -Cllvm-args=-sanitizer-coverage-level=4 \
        -Cllvm-args=-sanitizer-coverage-inline-8bit-counters \
        -Cllvm-args=-sanitizer-coverage-pc-table \
        -Cllvm-args=-sanitizer-coverage-trace-compares
    ;;
*) exec "$rustc" "$@" ;;
esac
