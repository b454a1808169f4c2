# MIME::Parser and Mail::Address as RT uses them, and behind Mail::Internet, as OTRS, Znuny and OTOBO do.
# A message a line in base64; an answer a line in JSON (see reader.py).
use strict;
use warnings;
use JSON::PP;
use MIME::Base64;
use MIME::Parser;
use MIME::Words qw(decode_mimewords);
use Mail::Address;
use Mail::Internet;

my $json = JSON::PP->new->canonical->latin1;

sub leaves {
    my ($entity) = @_;
    return map { leaves($_) } $entity->parts if $entity->parts;
    my $body = $entity->bodyhandle ? $entity->bodyhandle->as_string : '';
    return [$entity->mime_type, $entity->head->recommended_filename, encode_base64($body, '')];
}

sub shown {
    my ($text) = @_;
    my $parser = MIME::Parser->new;
    $parser->output_to_core(1);
    $parser->tmp_to_core(1);
    my $leaves = eval { [leaves($parser->parse_data($text))] };
    return $leaves || [['error', undef, '']];
}

sub authors {
    my ($value) = @_;
    chomp $value;
    my $decoded = join '', map { $_->[0] } decode_mimewords($value);
    return map { [map { $_->address } Mail::Address->parse($_)] } $value, $decoded;
}

$SIG{__WARN__} = sub { };
$| = 1;
print "ready\n";
while (my $line = <STDIN>) {
    my $text = decode_base64($line);
    my @lines = $text =~ /([^\n]*\n|[^\n]+\z)/g;
    my $internet = Mail::Internet->new(\@lines);
    my @authors = map { authors($_) } $internet->head->get('From');
    print $json->encode({shown => [shown($text), shown($internet->as_string)], authors => \@authors}), "\n";
}
