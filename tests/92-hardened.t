#!/bin/sh
# tests/hardened.sh, by which "make lint" looks at what was built: whatever a
# program lacks, it says so.
. "$(dirname "$0")/lib.sh"

# (A function that has to be protected, and calls that can be checked.)
cat >part.c <<'END'
#include <stdio.h>
#include <string.h>
#include <unistd.h>
int part(const char *, unsigned long);
int part(const char *s, unsigned long n)
{
	char a[64];
	memcpy(a, s, n);
	return snprintf(a + 1, n, "%s", s) + (int)read(0, a, n);
}
END
echo 'int part(const char *, unsigned long);
int main(int n, char **v) { return part(v[0], (unsigned long)n); }' >main.c

# toy COMPILE-OPTIONS LINK-OPTIONS: a program and its library
toy() {
	rm -f part.a
	# shellcheck disable=SC2086
	gcc $1 -c part.c main.c 2>/dev/null && ar rc part.a part.o &&
		gcc $1 $2 -o toy main.o part.a 2>/dev/null
}
x86=
[ "$(uname -m)" != x86_64 ] || x86=-fcf-protection
good="-O2 -g -fPIE -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3
	-fstack-protector-strong -fstack-clash-protection $x86"
good=$(echo "$good" | tr -s ' \n\t' ' ')
link='-pie -Wl,-z,relro,-z,now,-z,noexecstack'
toy "$good" "$link"
ok "all of it" sh "$TOP/tests/hardened.sh" "gcc $good" part.a toy
empty err "nothing is said"

# without WHAT OPTION-OF-THE-COMPILER [INSTEAD [OPTION-OF-THE-LINKER [INSTEAD]]]
without() {
	options=$(printf '%s' "$good" | sed "s/ $2/ ${3-}/")
	links=$(printf '%s' "$link" | sed "s/${4:-nothing}/${5-}/")
	toy "$options" "$links"
	must_fail 1 sh "$TOP/tests/hardened.sh" "gcc $options" part.a toy
	err_like "no $1" "said"
}
without "-D_FORTIFY_SOURCE=3" -D_FORTIFY_SOURCE=3 -D_FORTIFY_SOURCE=2
without "checked library calls" -D_FORTIFY_SOURCE=3
without "stack protector" -fstack-protector-strong -fno-stack-protector
without "-fstack-protector-strong" -fstack-protector-strong -fstack-protector
without "-fstack-clash-protection in all" -fstack-clash-protection
[ -z "$x86" ] || {
	without "-fcf-protection" "$x86" -fcf-protection=none
	without "CET in all" "$x86" -fcf-protection=branch
}
without "PIE" -fPIE -fno-pie -pie -no-pie
without "RELRO" nothing nothing relro norelro
without "RELRO of all" nothing nothing now lazy
without "stack that is data alone" nothing nothing noexecstack execstack
without "search for libraries" nothing nothing ,-z,noexecstack \
	",-z,noexecstack,-rpath,\/nowhere"
# One object of several that was built otherwise.
toy "$good" "$link"
# shellcheck disable=SC2086
gcc -O2 -g -fPIE -c main.c && gcc $link -o toy main.o part.a
must_fail 1 sh "$TOP/tests/hardened.sh" "gcc $good" part.a toy
err_like "no -fstack-protector-strong in all its objects" "one object is enough"
done_testing
