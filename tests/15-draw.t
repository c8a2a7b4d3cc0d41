#!/bin/sh
# seg-draw: pictures of segments, for terminals and for browsers.
. "$(dirname "$0")/lib.sh"

# history CUTS [MERGES [GONE]]: a day of cuts, merges of a quarter each
history() {
	perl -e 'use bigint; my ($n, $merge, $gone) = @ARGV;
		my $t = (time() - 43200) * 1000; my $f = 0; my @p;
		sub put { my ($s, $e, $t) = @_;
			printf "shop/%020s-%020s-%020s\t%s\t%s\t-\t%s\t%s\n",
			18446744073709551615 - $e, $s, $t, $s, $e, $e - $s + 1,
			($e - $s + 1) * 4112 }
		for my $i (1 .. $n) { my $e = $f + 1 + $i % 7;
			put($f + 1, $e, $t) unless $gone && $i > $n / 2 && $i <= $n / 2 + $gone;
			push @p, [$f + 1, $e, $t]; $f = $e; $t += 1000 }
		for my $q (0 .. ($merge || 0) - 1) { my $a = $q * $n / 4;
			my $b = $a + $n / 4 - 1;
			put($p[$a][0], $p[$b][1], $p[$b][2]) }
		print "\n"' "$@"
}

history 40 2 >day
ok "letters" seg-draw --text <day
is "$(sed -n 1p out)" "shop: 42 segments" "the title"
out_like '^\|#+\|#+' "what the plan takes comes first"
out_like "^=+\\|[=|]+" "what is kept is below it"
out_like '^# restores the newest state  22, ' "the legend counts"
out_like '^1 +[0-9]+$' "a scale"
out_like '^20[0-9]{2}-[0-9]{2}-[0-9]{2} [0-9:]{8} .*20[0-9]{2}' "of times too"
is "$(awk 'length > 80' out | wc -l)" 0 "80 columns"
is "$(grep -c "$(printf '\033')" out)" 0 "no colour in a file"
history 40 0 4 >gap
ok "a gap" seg-draw --text <gap
out_like '^ +!+$' "is shown"
out_like '^# restores the newest state  0, ' "nothing restores the newest state"
history 10000 4 >large
ok "10,000 segments" seg-draw --text <large
is "$(awk 'length > 80' out | wc -l) $(($(wc -l <out) <= 60))" "0 1" "fit"
# As wide as the terminal, in colour there.
if command -v script >/dev/null; then
	script -qec "stty cols 50; seg-draw --text <day >/dev/tty" /dev/null \
		</dev/null >term.raw 2>&1
	tr -d '\r' <term.raw >term
	esc=$(printf '\033')
	is "$(grep -c "$esc\\[34m" term | awk '{ print ($1 > 0) }')" 1 "colour"
	is "$(sed "s/$esc\\[[0-9]*m//g" term | awk 'length > 50' | wc -l)" 0 \
		"50 columns"
	# Narrower ones: wide characters are of two columns.
	sed 's,^shop/,データベースの名前/,' day >wide
	for set in day wide; do
		for columns in 1 2 9 12 20 30 38 39 40 44 52 53; do
			NO_COLOR=1 script -qec "stty cols $columns
				seg-draw --text <$set >/dev/tty" \
				/dev/null </dev/null >term.raw 2>&1 ||
				fail "drawn in $columns columns"
			tr -d '\r' <term.raw >term
			is "$(perl -CS -lne 's/[^\0-\x{10ff}]/xx/g;
				print if length > '$columns <term)" """" "$set: $columns columns"
			[ $set = day ] && [ $columns != 2 ] && cp term term.$columns
		done
	done
	is "$(sed -n 1p term.1) $(tail -n 3 term.1 | tr -d '\n')" "s #=." "one column"
	is "$(tail -n 3 term.9 | tr '\n' ' ')" "# 22 = 18 . 2 " "9: how many"
	is "$(tail -n 3 term.12)" "# newest 22${LF}= kept   18${LF}. -x     2" "12: of what"
	is "$(tail -n 3 term.30 | sed 's/[0-9]* b/ b/' | head -n 1)" \
		"# newest 22,  bytes" "30: how large"
	is "$(sed -n 1p term.12) $(sed -n 1p term.20)" "shop shop: 42 segments" \
		"the title is shorter, too"
	is "$(grep -c '^ *20..-..-.. ..:..:..$' term.38) $(
		grep -cE '^(20..-..-.. ..:..:.. ?){2}$' term.39)" "2 1" \
		"the times, in two lines and in one"
	NO_COLOR=1 script -qec "seg-draw --text <day >/dev/tty" /dev/null \
		</dev/null >term.raw 2>&1
	is "$(grep -c "$esc" term.raw) $(grep -c '#' term.raw)" "0 2" "NO_COLOR"
	NO_COLOR='' script -qec "seg-draw --text <day >/dev/tty" /dev/null \
		</dev/null >term.raw 2>&1
	is "$(grep -c "$esc\\[34m" term.raw | awk '{ print ($1 > 0) }')" 1 \
		"NO_COLOR that is empty says nothing"
else
	fail "bsdutils' script is there"
fi

# Deeper than lanes: everything overlaps.
perl -e 'use bigint; for (1 .. 200) { printf "shop/%020s-%020s-%020s\n",
	18446744073709551615 - 400 - $_, $_, 5 } print "\n"' >deep
ok "200 that overlap" seg-draw --text <deep
is "$(($(wc -l <out) <= 60))" 1 "60 lines"
ok "200 that overlap, as SVG" seg-draw <deep
printf 'a&<">/%020d-%020d-%020d\n\n' 1 1 5 | sed 's/0*1-/18446744073709551614-/' >odd
ok "a namespace with characters of XML" seg-draw <odd
like out 'a&#38;&#60;&#34;&#62;: 1 segment, frames up to 1<' "is escaped"
like_not() { if grep -Eq "$2" "$1"; then fail "$3"; else pass "$3"; fi; }
like_not out '<script|href|@import|url\(' "nothing from outside"

# Of names alone.
cut -f 1 day >names
ok "of unknown sizes" seg-draw --text <names
out_like '^# restores the newest state +22, \? bytes$' "as letters: said"
ok "of unknown sizes, as SVG" seg-draw <names
out_like 'restores the newest state: 22, \? bytes<' "as SVG: said"

# What cannot be drawn.
echo >empty
must_fail 1 seg-draw <empty
err_like '^seg-draw: a set without segments: nothing to draw$' "said"
{ cat day day; } >two
must_fail 1 seg-draw <two
echo '!' >failed
must_fail 1 seg-draw <failed
empty out "nothing of a failed set"
head -n 3 day >short
must_fail 1 seg-draw <short
empty out "nothing of a set that was cut short"

# Each text of the legend has room before what follows it: at most 7 pixels a
# character.
history 10 >ten
for n in ten large; do
	seg-draw <"$n" >"$n.svg"
	is "$(sed -n 's/.*x="\([0-9]*\)" y="54">\([^<]*\)<.*/\1 \2/p' "$n.svg" |
		awk '{ if (end > $1 - 19) print "over", $0
			end = $1 + 7 * (length($0) - length($1) - 1) }
			END { if (end > 1000) print "beyond" }')" "" \
		"$n: the legend has room"
done

# A browser shows it.  Pixels: the plan's blue, what is kept in green, a gap.
pixel() { # FILE X Y
	pngtopnm "$1" | perl -e 'my ($x, $y) = @ARGV; local $/; $_ = <STDIN>;
		s/^P6\s+(\d+)\s+(\d+)\s+255\n// or die; my $at = ($y * $1 + $x) * 3;
		print join ",", unpack "CCC", substr $_, $at, 3' "$2" "$3"
}
shot() { # NAME
	seg-draw <"$1" >"$1.svg" && timeout 600 chromium --headless --no-sandbox \
		--disable-gpu --disable-quic --no-first-run --hide-scrollbars \
		--disable-background-networking --disable-component-update \
		--disable-sync --user-data-dir="$T/chromium" \
		--window-size=1000,200 --screenshot="$T/$1.png" \
		"file://$T/$1.svg" >/dev/null 2>&1 && [ -s "$1.png" ]
}
if command -v chromium >/dev/null && command -v pngtopnm >/dev/null; then
	ok "Chromium draws it" shot day
	is "$(pixel day.png 100 89)" "27,108,168" "the plan is blue"
	is "$(pixel day.png 27 105)" "127,182,133" "parts of a merge are green"
	is "$(pixel day.png 5 150)" "255,255,255" "the ground is white"
	ok "and with a gap" shot gap
	is "$(pixel gap.png 540 81 | tr , " " | awk "{ print (\$1 > 225 && \$2 < 185) }")" 1 "which is red"
	ok "and 10,000 segments" shot large
	is "$(($(size large.svg) < 1000000)) $(grep -c '^<rect' large.svg |
		awk '{ print ($1 > 500 && $1 < 4000) }')" "1 1" \
		"in as many bars as there is room for"
	is "$(grep -o '<title>[0-9]*[ -][a-z]*' large.svg | awk -F '[> ]' '
		{ n += /segments/ ? $2 : 1 } END { print n }')" 10004 \
		"of all segments"
	is "$(pixel large.png 500 89)" "27,108,168" "the plan is blue"
else
	fail "the Debian packages chromium and netpbm are installed"
fi
done_testing
