#!/usr/bin/perl
# tests/odd-s3.pl DIR [ODDITY...]: an S3 service of a kind that radosgw is not.
#
# Prints its port on 127.0.0.1 and serves until it is killed, without looking at
# signatures.  Any bucket is there; its objects are files in DIR/objects.  Pages
# of listings have three entries.  DIR/log gets a line a request: METHOD TARGET
# STATUS, then, if it said so, "expect", its range, its If-Match, its class.  The oddities:
#
#   is-truncated       spelled "isTruncated"
#   no-truncated       not said at all
#   always-token       a token with every page, also the last
#   date=FORMAT        of LastModified, as strftime; "none": there is none
#   delimiter-ignored  all is listed where "directories" are asked for
#   after-ignored      start-after is not known
#   after-inclusive    start-after's own key comes too
#   expect-refused     Expect: 100-continue is answered with 417
#   expect-ignored     it is not answered
#   condition=STATUS   If-None-Match is answered with that and NotImplemented
#   refuse=CODE:N      after N listings, 403 and CODE, to all
#   cut=N              the first GET of an object below "segments/" gets N bytes,
#                      then the connection ends
#   rest=WHAT          its second one, of the rest, has another "etag", "size", or
#                      "first" byte than was asked for, or is the "whole" object
#   get=PART           what is got below a prefix with PART is an empty listing
#   keys-for=N         an access key and its token are taken N times, then they have
#                      expired; but others are taken of a request that was refused
#                      so, however many came before it
#   archived           what lies below "segments/" is in an archive class
#   refuse-header=NAME:STATUS:CODE  what has it is answered so; 501 names it
#   hidden             every object lies below a newer version and a marker
#   other-first        before an upload in parts is completed there is another
#                      object of that name: "Precondition Failed"
#   drop-reused        a PUT over a connection that was kept: it ends half-way
use strict;
use warnings;
use Digest::MD5 qw(md5_hex);
use Fcntl qw(:flock);
use IO::Socket::INET;
use POSIX qw(strftime);

my ($dir, @odd) = @ARGV;
my %odd = map { /^([^=]*)=?(.*)/s; $1 => length $2 ? $2 : 1 } @odd;
my $objects = "$dir/objects";
mkdir $objects;
open my $log, '>>', "$dir/log" or die;
$log->autoflush(1);
$SIG{CHLD} = 'IGNORE';
my $listen = IO::Socket::INET->new(LocalAddr => '127.0.0.1', Listen => 64)
    or die;
$| = 1;
print $listen->sockport, "\n";
while (1) {
	my $c = $listen->accept or next;
	next if fork;
	close $listen;
	for (my $n = 0; serve($c, $n); $n++) {}
	exit;
}

sub decode { my $s = shift; $s =~ s/%(..)/chr hex $1/ge; $s }
sub encode { my $s = shift; $s =~ s/([^A-Za-z0-9_.~\/-])/sprintf '%%%02X', ord $1/ge; $s }
sub path { "$objects/" . unpack 'H*', shift }

# One request; false: the connection ends.
sub serve {
	my ($c, $n) = @_;
	my $first = <$c> // return;
	my ($method, $target) = $first =~ /^(\S+) (\S+) HTTP/ or return;
	my %h;
	while (defined(my $line = <$c>)) {
		$line =~ /^([^:]+):\s*(.*?)\r?\n/ ? $h{lc $1} = $2 : last;
	}
	my $expects = lc($h{expect} // '') eq '100-continue';
	my $say = sub {
		my ($status, $body, @head) = @_;
		print $log join(' ', $method, $target, $status,
		    $expects ? 'expect' : (), grep { defined } @h{qw(range if-match x-amz-storage-class)}), "\n";
		print $c join "\r\n", "HTTP/1.1 $status X",
		    "Content-Length: " . length $body, @head, '',
		    $method eq 'HEAD' ? '' : substr $body, 0, $h{cut} // length $body;
		!$h{cut};
	};
	my $no = sub {
		my ($status, $code) = @_;
		$say->($status, "<Error><Code>$code</Code><Message>no</Message></Error>");
	};
	if ($expects && $odd{'expect-refused'}) {
		$say->(417, '', 'Connection: close');
		return;
	}
	print $c "HTTP/1.1 100 Continue\r\n\r\n" if $expects && !$odd{'expect-ignored'};
	return if $n && $odd{'drop-reused'} && $method eq 'PUT';
	my $body = '';
	read $c, $body, $h{'content-length'} // 0;
	if (defined $odd{'keys-for'}) {
		my ($id) = ($h{authorization} // '') =~ m{Credential=([^/]*)/};
		my $token = $h{'x-amz-security-token'} // '';
		open my $used, '>>', "$dir/used." . unpack 'H*', "$id $token";
		return $no->(400, 'ExpiredToken')
		    if !is_taken($used, "$id $token", "$method $target");
	}
	if (($odd{'refuse-header'} // '') =~ /(.*):(.*):(.*)/ && defined $h{$1}) {
		return $say->($2, "<Error><Code>$3</Code><Header>$1</Header></Error>");
	}
	my ($path, $query) = split /\?/, $target, 2;
	my %q = map { /^([^=]*)=?(.*)/; $1 => decode $2 } split /&/, $query // '';
	my (undef, undef, $key) = split '/', decode($path), 3;
	return length($key // '') ? object($method, $key, \%h, \%q, $body, $say, $no)
	    : bucket($method, \%q, $say, $no);
}

# Is a use of these keys one of the first?  Requests come side by side.  One that
# is slow, and has been sent again with keys that others have used up since, would
# else be refused twice, which keys that last for minutes do to nobody.
sub is_taken {
	my ($used, $keys, $request) = @_;
	my $refused = "$dir/refused." . md5_hex($request);
	flock $used, LOCK_EX or die;
	my $taken = -s $used < $odd{'keys-for'};
	if (!$taken && $odd{'keys-for'} && open my $file, '<', $refused) {
		$taken = <$file> ne $keys;
	}
	if ($taken) {
		unlink $refused;
		syswrite $used, '.';
	} else {
		open my $file, '>', $refused or die;
		print $file $keys;
	}
	$taken;
}

sub object {
	my ($method, $key, $h, $q, $body, $say, $no) = @_;
	my $file = path $key;
	return $say->(200, '<ListBucketResult/>')
	    if $odd{get} && $method eq 'GET' && $key =~ /\Q$odd{get}/;
	return $no->(403, 'InvalidObjectState')
	    if $odd{archived} && $method eq 'GET' && $key =~ m{/segments/};
	return $no->(404, 'NoSuchKey')
	    if $odd{hidden} && $method ne 'PUT' && ($q->{versionId} // '') ne 'v1+/=';
	return parts($file, $method, $q, $body, $say, $no) if exists $q->{uploads} || $q->{uploadId};
	if ($method eq 'PUT' && !%$q) {
		if ($h->{'if-none-match'}) {
			return $no->($odd{condition}, 'NotImplemented') if $odd{condition};
			return $no->(412, 'PreconditionFailed') if -e $file;
		}
		open my $f, '>', "$file.$$" or die;
		print $f $body;
		close $f;
		rename "$file.$$", $file;
		return $say->(200, '', 'ETag: "x"');
	}
	if ($method eq 'DELETE' && !%$q) {
		unlink $file;
		return $say->(204, '');
	}
	open my $f, '<', $file or return $no->(404, 'NoSuchKey');
	local $/;
	my $data = <$f> // '';
	my ($from, $to) = ($h->{range} // '') =~ /^bytes=(\d+)-(\d*)/;
	my ($total, $etag) = (length $data, 'ETag: "x"');
	if ($odd{cut} && $method eq 'GET' && $key =~ m{/segments/}) {
		my $nth = "$dir/nth." . unpack 'H*', $key;
		my $n = -s $nth // 0;
		open my $count, '>>', $nth;
		syswrite $count, '.';
		$h->{cut} = $odd{cut} if $n == 0;
		my $what = $n == 1 ? $odd{rest} // '' : '';
		$etag = 'ETag: "y"' if $what eq 'etag';
		$total++ if $what eq 'size';
		$from++ if $what eq 'first';
		$from = undef if $what eq 'whole';
	}
	return $say->(200, $data, $etag) unless defined $from;
	$to = length $data unless length $to;
	$to = length($data) - 1 if $to >= length $data;
	$say->(206, substr($data, $from, $to - $from + 1), $etag,
	    "Content-Range: bytes $from-$to/$total");
}

# An upload in parts: each a file.
sub parts {
	my ($file, $method, $q, $body, $say, $no) = @_;
	if (exists $q->{uploads}) {
		return $say->(200, '<InitiateMultipartUploadResult><UploadId>u</UploadId>' .
		    '</InitiateMultipartUploadResult>');
	}
	if ($method eq 'PUT') {
		open my $f, '>', "$file.part.$q->{partNumber}" or die;
		print $f $body;
		return $say->(200, '', "ETag: \"$q->{partNumber}\"");
	}
	return $say->(204, '') if $method eq 'DELETE';
	open my $all, '>', $file or die;
	if ($odd{'other-first'}) {
		print $all "other";
		close $all;
		return $no->(412, 'PreconditionFailed');
	}
	for my $n ($body =~ /<PartNumber>(\d+)</g) {
		open my $f, '<', "$file.part.$n" or die;
		local $/;
		print $all scalar <$f>;
	}
	close $all;
	$say->(200, '<CompleteMultipartUploadResult><ETag>"x"</ETag>' .
	    '</CompleteMultipartUploadResult>');
}

sub bucket {
	my ($method, $q, $say, $no) = @_;
	return $say->(200, '<ListMultipartUploadsResult></ListMultipartUploadsResult>')
	    if exists $q->{uploads} && $method eq 'GET';
	return $no->(501, 'NotImplemented') if $method ne 'GET';
	return versions($q, $say) if exists $q->{versions};
	if (($odd{refuse} // '') =~ /(.*):(.*)/) {
		return $no->(403, $1) if -s "$dir/listings" && -s _ >= $2;
		open my $f, '>>', "$dir/listings";
		print $f '.';
	}
	my ($prefix, $sep, $token) = map { $_ // '' }
	    @$q{qw(prefix delimiter continuation-token)};
	$sep = '' if $odd{'delimiter-ignored'};
	my $after = length $token ? $token
	    : $odd{'after-ignored'} ? '' : $q->{'start-after'} // '';
	my $max = $q->{'max-keys'} < 3 ? $q->{'max-keys'} : 3;
	opendir my $d, $objects or die;
	my (@found, %seen);
	for my $k (sort map { pack 'H*', $_ } grep { !/[^0-9a-f]/ } readdir $d) {
		next if index($k, $prefix) != 0 || $odd{hidden};
		my $i = $sep eq '' ? -1 : index $k, $sep, length $prefix;
		my $x = $i < 0 ? $k : substr $k, 0, $i + 1;
		next if $seen{$x}++ || index($after, $x) == 0 && $i >= 0;
		push @found, $x if $x gt $after
		    || $x eq $after && $odd{'after-inclusive'} && $token eq '';
	}
	my $more = @found > $max;
	splice @found, $max;
	my $tag = $odd{'is-truncated'} ? 'isTruncated' : 'IsTruncated';
	my $xml = '<ListBucketResult><EncodingType>url</EncodingType>';
	$xml .= "<$tag>" . ($more ? 'true' : 'false') . "</$tag>" unless $odd{'no-truncated'};
	$xml .= '<NextContinuationToken>' . encode($found[-1] // $after) .
	    '</NextContinuationToken>' if $more || $odd{'always-token'};
	$xml .= join '', map { entry($_, $sep) } @found;
	$say->(200, "$xml</ListBucketResult>", 'Content-Type: application/xml');
}

# Of each object a marker, a version without anything in it, and the first one.
sub versions {
	my ($q, $say) = @_;
	my ($prefix, $key, $id) = map { $_ // '' }
	    @$q{qw(prefix key-marker version-id-marker)};
	my @all;
	opendir my $d, $objects or die;
	for my $k (sort map { pack 'H*', $_ } grep { !/[^0-9a-f]/ } readdir $d) {
		next if index($k, $prefix) != 0;
		push @all, [$k, 'v3', 'DeleteMarker', 0], [$k, 'v2', 'Version', 0],
		    [$k, 'v1+/=', 'Version', -s path $k];
	}
	if ($key ne '') {
		shift @all while @all && "$all[0][0] $all[0][1]" ne "$key $id";
		shift @all;
	}
	my $more = @all > 4;
	splice @all, 4;
	my $xml = '<ListVersionsResult><EncodingType>url</EncodingType><IsTruncated>' .
	    ($more ? 'true' : 'false') . '</IsTruncated>';
	$xml .= '<NextKeyMarker>' . encode($all[-1][0]) . '</NextKeyMarker>' .
	    "<NextVersionIdMarker>$all[-1][1]</NextVersionIdMarker>" if $more;
	$xml .= join '', map { "<$$_[2]><Key>" . encode($$_[0]) . "</Key><VersionId>$$_[1]</VersionId>" .
	    ($$_[2] eq 'Version' ? "<Size>$$_[3]</Size>" : '') . "</$$_[2]>" } @all;
	$say->(200, "$xml</ListVersionsResult>", 'Content-Type: application/xml');
}

sub entry {
	my ($x, $sep) = @_;
	my $name = encode $x;
	return "<CommonPrefixes><Prefix>$name</Prefix></CommonPrefixes>"
	    if $sep ne '' && $x =~ /\Q$sep\E$/;
	my ($size, $mtime) = (stat path $x)[7, 9];
	my $format = $odd{date} // '%Y-%m-%dT%H:%M:%S.000Z';
	my $date = $format eq 'none' ? ''
	    : '<LastModified>' . strftime($format, gmtime $mtime) . '</LastModified>';
	"<Contents><Key>$name</Key>$date<Size>$size</Size></Contents>";
}
