#include "master/log_format.h"

#include <charconv>

#include "base/crc32c.h"
#include "master/little_endian.h"

namespace gfs::master {

namespace {

constexpr std::size_t kCrcEnd = 8;  // where the part covered by a record's crc begins

std::uint32_t salted(std::uint64_t salt) {
  std::string text;
  put(text, salt);
  return crc32c(text);
}

}  // namespace

std::string encode_segment_header(SegmentHeader& header) {
  std::string rest;
  rest.append(reinterpret_cast<const char*>(header.cluster.bytes.data()), 16);
  put(rest, header.epoch);
  put(rest, header.first);
  put(rest, header.salt);
  std::string text(kLogMagic);
  put(text, kLogFormat);
  header.crc = crc32c(rest, crc32c(text));
  put(text, header.crc);
  return text + rest;
}

Result<SegmentHeader> decode_segment_header(const Bytes& bytes) {
  if (bytes.size() < kSegmentHeaderSize) return fail(Code::malformed, "the segment's header is cut short");
  if (!bytes.view().starts_with(kLogMagic)) return fail(Code::malformed, "this is not a log segment");
  const std::uint8_t* at = bytes.data() + kLogMagic.size();
  std::uint32_t format = take<std::uint32_t>(at);
  if (format != kLogFormat) {
    return fail(Code::wrong_version, "log format {} is written by a newer program; this one reads {}", format,
                kLogFormat);
  }
  SegmentHeader header;
  header.crc = take<std::uint32_t>(at);
  std::string_view whole = bytes.view();
  std::uint32_t expected = crc32c(whole.substr(16, kSegmentHeaderSize - 16), crc32c(whole.substr(0, 12)));
  if (header.crc != expected) return fail(Code::malformed, "the segment's header does not match its checksum");
  for (std::uint8_t& byte : header.cluster.bytes) byte = *at++;
  header.epoch = take<std::uint64_t>(at);
  header.first = take<std::uint64_t>(at);
  header.salt = take<std::uint64_t>(at);
  return header;
}

void append_record(std::string& text, RecordHeader& header, std::uint64_t salt, std::string_view op) {
  const std::size_t begin = text.size();
  header.size = static_cast<std::uint32_t>(op.size());
  put(text, header.size);
  put(text, std::uint32_t{0});  // the crc's place
  put(text, header.before);
  put(text, std::uint32_t{0});
  put(text, header.epoch);
  put(text, header.term);
  put(text, header.index);
  put(text, header.synced);
  text += op;
  std::string_view record = std::string_view(text).substr(begin);
  header.crc = crc32c(record.substr(kCrcEnd), crc32c(record.substr(0, 4), salted(salt)));
  for (std::size_t i = 0; i < 4; ++i) text[begin + 4 + i] = static_cast<char>(header.crc >> (8 * i) & 255);
}

Result<RecordHeader> decode_record(const Bytes& bytes, std::size_t offset, std::uint64_t salt) {
  if (bytes.size() < offset || bytes.size() - offset < kRecordHeaderSize)
    return fail(Code::malformed, "cut short in a record's header");
  const std::uint8_t* begin = bytes.data() + offset;
  const std::uint8_t* at = begin;
  RecordHeader header;
  header.size = take<std::uint32_t>(at);
  header.crc = take<std::uint32_t>(at);
  header.before = take<std::uint32_t>(at);
  at += 4;
  header.epoch = take<std::uint64_t>(at);
  header.term = take<std::uint64_t>(at);
  header.index = take<std::uint64_t>(at);
  header.synced = take<std::uint64_t>(at);
  if (header.size > kRecordMax) return fail(Code::malformed, "a record of {} bytes", header.size);
  if (bytes.size() - offset - kRecordHeaderSize < header.size) return fail(Code::malformed, "cut short in a record");
  std::uint32_t crc = crc32c(begin, 4, salted(salt));
  crc = crc32c(begin + kCrcEnd, kRecordHeaderSize - kCrcEnd + header.size, crc);
  if (crc != header.crc) return fail(Code::malformed, "a record that does not match its checksum");
  return header;
}

std::string segment_name(std::uint64_t first) { return hex(first) + ".log"; }

std::uint64_t parse_segment_name(std::string_view name) {
  if (name.size() != 20 || !name.ends_with(".log")) return 0;
  std::uint64_t first = 0;
  auto [end, error] = std::from_chars(name.data(), name.data() + 16, first, 16);
  return error == std::errc() && end == name.data() + 16 ? first : 0;
}

}  // namespace gfs::master
