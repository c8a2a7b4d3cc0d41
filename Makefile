# segtools: see README.md.
#
#   make            build the commands into build/bin
#   make install    install them (PREFIX=/usr/local, DESTDIR=)
#
# Nothing is built outside $(B).  A new lib/*.c, cmd/*.c or tests/unit/*.c is
# found by its name; there is no list to keep.

PREFIX = /usr/local
B = build
CC = cc
CFLAGS = -O2 -g
VERSION = 0.1.0

PKGS = sqlite3 libcurl expat libisal libxxhash zlib
CPPFLAGS_ALL = -Ilib -D_GNU_SOURCE -DSEGTOOLS_VERSION='"$(VERSION)"' \
	$(shell pkg-config --cflags $(PKGS)) $(CPPFLAGS)
CFLAGS_ALL = -std=c11 -Wall -Wextra $(CFLAGS)
LDLIBS_ALL = $(shell pkg-config --libs $(PKGS)) $(LDLIBS)

LIB_OBJ = $(patsubst %.c,$(B)/%.o,$(wildcard lib/*.c))
CMDS = $(patsubst cmd/%.c,%,$(wildcard cmd/*.c))
BINS = $(addprefix $(B)/bin/,$(CMDS))
UNIT = $(patsubst tests/unit/%.c,$(B)/unit/%,$(wildcard tests/unit/*.c))

all: $(BINS)

$(B)/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS_ALL) $(CFLAGS_ALL) -MMD -MP -c -o $@ $<

$(B)/libsegtools.a: $(LIB_OBJ)
	@rm -f $@
	ar rcs $@ $^

$(B)/bin/%: $(B)/cmd/%.o $(B)/libsegtools.a
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) $(LDFLAGS) -o $@ $^ $(LDLIBS_ALL)

$(B)/unit/%: $(B)/tests/unit/%.o $(B)/libsegtools.a
	@mkdir -p $(@D)
	$(CC) $(CFLAGS_ALL) $(LDFLAGS) -o $@ $^ $(LDLIBS_ALL)

unit: $(UNIT)

clean:
	rm -rf $(B)

.PHONY: all unit clean
.SECONDARY:

-include $(shell find $(B) -name '*.d' 2>/dev/null)
