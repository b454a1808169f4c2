# Ruby's `mail` as Zammad uses it. A message a line in base64; an answer a line in JSON (see reader.py).
require 'base64'
require 'json'
require 'mail'

ADDRESS = /.+@.+/

def leaves(part)
  return part.parts.flat_map { |below| leaves(below) } if part.multipart? && !part.parts.empty?
  [[part.mime_type || 'text/plain', part.filename, Base64.strict_encode64(part.body.decoded)]]
end

def text(value)
  value.to_s.dup.force_encoding('utf-8').scrub('?')
end

def quietly
  yield
rescue StandardError
  []
end

# The field's decoded value is read as a list; what does not read is taken apart by an expression.
def as_zammad(value)
  value = value.gsub('<>', '').strip
  found = begin
    Mail::AddressList.new(value).addresses.map(&:address).compact
  rescue Mail::Field::ParseError
    []
  end
  return found if found.any? { |address| address.match?(ADDRESS) }
  value =~ /^(.+?)<((.+?)@(.+?))>/ ? [$2] : [value]
end

puts 'ready'
$stdout.flush
while (line = $stdin.gets)
  mail = Mail.new(Mail::Utilities.binary_unsafe_to_crlf(Base64.decode64(line).force_encoding('binary')))
  from = mail.header.fields.select { |field| field.name.casecmp?('from') }
  shown = begin
    leaves(mail)
  rescue StandardError => error
    [['error', nil, error.class.name]]
  end
  authors = from.flat_map { |field| [quietly { as_zammad(field.decoded) }, quietly { field.addrs.map(&:address) }] }
  shown = shown.map { |kind, name, body| [kind, name && text(name), body] }
  puts JSON.generate('shown' => [shown], 'authors' => authors.map { |list| list.map { |address| text(address) } })
  $stdout.flush
end
