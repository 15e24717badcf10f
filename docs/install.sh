#!/usr/bin/env bash
# docs/install.sh BUILD PREFIX: puts the tool of the folder BUILD below PREFIX, with what it carries, completions and its manual page.
set -euo pipefail
build=$1 prefix=$2
home=$prefix/libexec/zeroth
install -d "$prefix/bin" "$home" "$prefix/share/man/man1" "$prefix/share/bash-completion/completions" \
  "$prefix/share/zsh/site-functions" "$prefix/share/fish/vendor_completions.d"
install -m 755 -s "$build/zeroth" "$home/zeroth"        # without symbols, which are two fifths of it
rm -rf "$home/zeroth_ZerothResources.resources"
cp -R "$build/zeroth_ZerothResources.resources" "$home/"
ln -sfn ../libexec/zeroth/zeroth "$prefix/bin/zeroth"
"$home/zeroth" --generate-completion-script bash >"$prefix/share/bash-completion/completions/zeroth"
"$home/zeroth" --generate-completion-script zsh >"$prefix/share/zsh/site-functions/_zeroth"
"$home/zeroth" --generate-completion-script fish >"$prefix/share/fish/vendor_completions.d/zeroth.fish"
install -m 644 "$(dirname "$0")/zeroth.1" "$prefix/share/man/man1/zeroth.1"
echo "installed: $prefix/bin/zeroth"
