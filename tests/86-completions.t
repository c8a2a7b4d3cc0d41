#!/bin/sh
# Completions for bash, zsh and fish: made out of the commands' own -h.
. "$(dirname "$0")/lib.sh"

share=$SEGTOOLS_BUILD/inst/share
bash=$share/bash-completion/completions
zsh=$share/zsh/site-functions/_segtools
fish=$share/fish/vendor_completions.d

for shell in bash zsh fish; do
	command -v "$shell" >/dev/null ||
		fail "the Debian package $shell is installed"
done

# Each option of each command is in all three.
for command in "$SEGTOOLS_BIN"/seg-*; do
	name=${command##*/}
	"$command" -h |
		sed -n 's/^  \(-.,\|   \) --\([a-z-]*\).*/\2/p' >options
	missing=
	while read -r option; do
		sed -n "/^	$name)/,/;;/p" "$bash/$name" |
			grep -q -e "[ \"]--${option}[ \"]" ||
			missing="$missing bash:$option"
		sed -n "/^$name)/,/;;/p" "$zsh" |
			grep -q -e "'--$option\(\[\|=\)" ||
			missing="$missing zsh:$option"
		grep -q -e " -l $option " "$fish/$name.fish" ||
			missing="$missing fish:$option"
	done <options
	is "$(($(wc -l <options) > 4))$missing" 1 "$name: all options"
done

# in_bash WORD...: what bash makes of the last word
in_bash() {
	bash -c '. "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
		_segtools "$1"; printf "%s\n" "${COMPREPLY[@]}"' \
		"$bash/seg-plan" "$@" | LC_ALL=C sort | tr '\n' ' '
}
mkdir store
: >stone
is "$(in_bash seg-plan --ob)" "--obsolete " "bash: a long option"
is "$(in_bash seg-plan -c le)" "levels " "bash: a value"
is "$(in_bash seg-restore --integrity '')" "full none quick " "bash: all values"
is "$(in_bash seg-plan --keep '')" " " "bash: a value that nobody knows"
is "$(in_bash seg-list -s st)" "store " "bash: a store is a directory"
is "$(in_bash seg-plan --update st)" "stone store " "bash: a file"
is "$(in_bash seg-merge st)" "stone store " "bash: operands"

in_fish() {
	fish --no-config -c "source $fish/${1%% *}.fish; complete -C '$1'" |
		cut -f 1 | LC_ALL=C sort | tr '\n' ' '
}
is "$(in_fish 'seg-plan --ob')" "--obsolete " "fish: a long option"
is "$(in_fish 'seg-restore --integrity ')" "full none quick " "fish: values"
is "$(in_fish 'seg-list -s st')" "store/ " "fish: directories"

# zsh completes at a terminal alone: script gives it one.  ^X prints the line.
cat >.zshrc <<EOF
PS1='' fpath=($share/zsh/site-functions \$fpath)
autoload -U compinit
compinit -u -D
unsetopt zle_bracketed_paste 2>/dev/null
show() { print -r -- "LINE <\$BUFFER>"; exit }
zle -N show
bindkey '^X' show
zle-line-init() { print -r -- READY }
zle -N zle-line-init
EOF
in_zsh() {
	{
		await grep -q READY zsh.out
		printf '%s\t' "$1"
		printf '\030'
		await grep -q 'LINE <' zsh.out
	} | timeout 300 env ZDOTDIR="$T" TERM=dumb \
		script -qfc "zsh -i" zsh.out >/dev/null
	sed -n 's/.*LINE <\(.*\)>.*/\1/p' zsh.out | sed 's/ *$//'
}
: >zsh.out
is "$(in_zsh 'seg-plan --ob')" "seg-plan --obsolete" "zsh: a long option"
: >zsh.out
is "$(in_zsh 'seg-restore --integrity=fu')" "seg-restore --integrity=full" \
	"zsh: a value"
done_testing
