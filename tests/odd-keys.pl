#!/usr/bin/perl
# tests/odd-keys.pl DIR [HOST:PORT]: what gives keys: a container's agent, the metadata of a
# machine, the token service (STS), none of which looks at signatures.
#
# Prints its port, on 127.0.0.1 if not told otherwise, and serves until it is killed.  The first part of
# a path says which of them is asked, "ecs", "imds" or "sts"; each after it that
# is NAME=VALUE how it answers:
#
#   status=N    with that and nothing else        body=TEXT  with that text
#   fail=N      the first N times with 503        to=PORT    with a redirect there
#   ttl=S       its keys expire after so long     slow=S     after so long
#   auth=TEXT   without that Authorization: 401   big=1      with 20 MiB
#   good=N      N times, then with 403            code=CODE  an error of STS, 400
#
# The keys are ID<n>, SECRET<n>, TOKEN<n>, n from 1.  DIR/log gets a line a
# request: METHOD PATH, then Authorization (its credential), the token headers and
# the body, as far as they are there.
use strict;
use warnings;
use IO::Socket::INET;
use POSIX qw(strftime);

my ($dir, $where) = @ARGV;
open my $log, '>>', "$dir/log" or die;
$log->autoflush(1);
$SIG{CHLD} = 'IGNORE';
my $listen = IO::Socket::INET->new(LocalAddr => $where // '127.0.0.1', Listen => 64)
    or die;
$| = 1;
print $listen->sockport, "\n";
while (1) {
	my $c = $listen->accept or next;
	next if fork;
	close $listen;
	serve($c);
	exit;
}

# One more: how many there were, with it.
sub count {
	open my $f, '>>', "$dir/count.$_[0]" or die;
	syswrite $f, '.';
	-s $f;
}

sub say_to {
	my ($c, $status, $body, @head) = @_;
	print $c join "\r\n", "HTTP/1.1 $status X", 'Connection: close',
	    'Content-Length: ' . length $body, @head, '', $body;
}

sub serve {
	my ($c) = @_;
	my ($method, $path) = (<$c> // '') =~ /^(\S+) (\S+) HTTP/ or return;
	my %h;
	while (defined(my $line = <$c>)) {
		$line =~ /^([^:]+):\s*(.*?)\r?\n/ ? $h{lc $1} = $2 : last;
	}
	my $body = '';
	read $c, $body, $h{'content-length'} // 0;
	my $auth = $h{authorization};
	print $log join(' ', $method, $path,
	    grep { length } map { $_ // '' } ($auth // '') =~ /(Credential=\S*)/ ? $1 : $auth,
	    @h{qw(x-amz-security-token x-aws-ec2-metadata-token)}, $body), "\n";
	my (undef, $who, @rest) = split '/', $path;
	my %o = map { /^([^=]+)=(.*)/ ? ($1 => $2) : () } @rest;
	my $what = $rest[-1] // '';
	sleep $o{slow} if $o{slow};
	return say_to($c, 503, '') if $o{fail} && count('fail') <= $o{fail};
	return say_to($c, 403, '') if $o{good} && count('good') > $o{good};
	return say_to($c, $o{status}, 'SECRETTEXT') if $o{status};
	return say_to($c, 200, $o{body} =~ s/%(..)/chr hex $1/ger) if defined $o{body};
	return say_to($c, 200, 'x' x (20 << 20)) if $o{big};
	return say_to($c, 302, '', "Location: http://127.0.0.1:$o{to}/ecs/") if $o{to};
	return say_to($c, 401, '') if $o{auth} && ($auth // '') ne $o{auth};
	return say_to($c, 400, "<ErrorResponse><Error><Code>$o{code}</Code>" .
	    '<Message>no</Message></Error></ErrorResponse>') if $o{code};
	if ($who eq 'imds') {
		return say_to($c, 200, 'IMDSTOKEN') if $method eq 'PUT' && $what eq 'token';
		return say_to($c, 401, '') if ($h{'x-aws-ec2-metadata-token'} // '') ne 'IMDSTOKEN';
		return say_to($c, 200, 'a-role') if $path =~ m{/$};
	}
	my $n = count('keys');
	my $until = strftime '%Y-%m-%dT%H:%M:%SZ', gmtime(time + ($o{ttl} // 3600));
	my ($action) = $body =~ /Action=(\w+)/;
	return say_to($c, 200, qq({"Code":"Success","AccessKeyId":"ID$n",) .
	    qq("SecretAccessKey":"SECRET$n","Token":"TOKEN$n","Expiration":"$until"}))
	    if $who ne 'sts';
	say_to($c, 200, qq(<${action}Response xmlns="https://sts.amazonaws.com/doc/2011-06-15/">) .
	    "<${action}Result><Credentials><AccessKeyId>ID$n</AccessKeyId>" .
	    "<SecretAccessKey>SECRET$n</SecretAccessKey><SessionToken>TOKEN$n</SessionToken>" .
	    "<Expiration>$until</Expiration></Credentials></${action}Result></${action}Response>");
}
