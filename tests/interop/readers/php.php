<?php
// PHP's mailparse, its offsets decoded as PhpMimeMailParser does, and its own extraction.
// A message a line in base64; an answer a line in JSON (see reader.py).

function decoded(string $body, string $encoding): string
{
    switch (strtolower($encoding)) {
        case 'base64':
            return base64_decode($body);
        case 'quoted-printable':
            return quoted_printable_decode($body);
        default:
            return $body;
    }
}

function extracted($part, string $message): string
{
    ob_start();
    mailparse_msg_extract_part($part, $message);
    return ob_get_clean();
}

function shown($mail, string $message): array
{
    $sections = mailparse_msg_get_structure($mail);
    $readings = [[], []];
    foreach ($sections as $section) {
        $above = array_filter($sections, fn ($other) => str_starts_with($other, "$section."));
        if ($above) {
            continue;
        }
        $part = mailparse_msg_get_part($mail, $section);
        $data = mailparse_msg_get_part_data($part);
        $start = $data['starting-pos-body'];
        $body = substr($message, $start, $data['ending-pos-body'] - $start);
        $name = $data['disposition-filename'] ?? $data['content-name'] ?? null;
        $leaf = [$data['content-type'], $name];
        $readings[0][] = [...$leaf, base64_encode(decoded($body, $data['transfer-encoding'] ?? ''))];
        $readings[1][] = [...$leaf, base64_encode(extracted($part, $message))];
    }
    return $readings;
}

function authors($from): array
{
    $found = [];
    foreach ((array) $from as $value) {
        foreach ([$value, iconv_mime_decode($value, ICONV_MIME_DECODE_CONTINUE_ON_ERROR, 'UTF-8')] as $reading) {
            $addresses = array_column(mailparse_rfc822_parse_addresses($reading), 'address');
            $found[] = array_values(array_filter($addresses, 'strlen'));
        }
    }
    return $found;
}

error_reporting(0);
if (!extension_loaded('mailparse')) {
    exit('no mailparse');
}
echo "ready\n";
while (($line = fgets(STDIN)) !== false) {
    $message = base64_decode($line);
    $mail = mailparse_msg_create();
    mailparse_msg_parse($mail, $message);
    $headers = mailparse_msg_get_part_data($mail)['headers'];
    $answer = ['shown' => shown($mail, $message), 'authors' => authors($headers['from'] ?? [])];
    echo json_encode($answer, JSON_INVALID_UTF8_SUBSTITUTE), "\n";
    mailparse_msg_free($mail);
}
