#include "master/log_reader.h"

#include <algorithm>

namespace gfs::master {

namespace {

// Whether something behind a bad record shows that the bad one had been durable. Every offset is tried: the bad
// record's size is not to be trusted.
bool proves_damage(const Bytes& bytes, std::size_t from, const SegmentHeader& segment, std::uint64_t bad_index) {
  for (std::size_t at = from; at + kRecordHeaderSize <= bytes.size(); ++at) {
    Result<RecordHeader> later = decode_record(bytes, at, segment.salt);
    if (later && later->index > bad_index && later->synced >= bad_index) return true;
  }
  return false;
}

Result<SegmentContent> read(const std::string& name, const Bytes& bytes, bool last, std::uint64_t through,
                            std::uint64_t* bad) {
  SegmentContent content;
  if (bad != nullptr) *bad = parse_segment_name(name);
  Result<SegmentHeader> header = decode_segment_header(bytes);
  if (!header) {
    if (header.error().code == Code::wrong_version)
      return fail(Code::wrong_version, "{}: {}", name, header.error().message);
    return fail(Code::corrupt, "log segment {} is damaged at offset 0, index {}: {}", name, parse_segment_name(name),
                header.error().message);
  }
  content.header = *header;
  if (header->first != parse_segment_name(name)) {
    return fail(Code::corrupt, "log segment {} is damaged at offset 0, index {}: it says it begins at index {}", name,
                parse_segment_name(name), header->first);
  }
  std::uint64_t index = header->first;
  std::uint32_t before = header->crc;
  std::size_t at = kSegmentHeaderSize;
  while (at < bytes.size() && index <= through) {
    Result<RecordHeader> record = decode_record(bytes, at, header->salt);
    std::string wrong;
    if (!record) {
      wrong = record.error().message;
    } else if (record->index != index) {
      wrong = fmt::format("a record with index {} stands there", record->index);
    } else if (record->before != before || record->epoch != header->epoch) {
      wrong = "the record does not follow the one before it";
    }
    if (!wrong.empty()) {
      bool damage = !last || record.has_value() || proves_damage(bytes, at + 1, *header, index);
      if (damage) {
        if (bad != nullptr) *bad = index;
        return fail(Code::corrupt, "log segment {} is damaged at offset {}, index {}: {}", name, at, index, wrong);
      }
      content.torn = true;
      content.torn_reason = wrong;
      break;
    }
    std::size_t end = at + kRecordHeaderSize + record->size;
    content.records.push_back({*record, bytes.slice(at + kRecordHeaderSize, record->size), end});
    before = record->crc;
    ++index;
    at = end;
  }
  content.end = at;
  return content;
}

}  // namespace

Result<SegmentContent> read_segment(const std::string& name, const Bytes& bytes, bool last, std::uint64_t* bad) {
  return read(name, bytes, last, UINT64_MAX, bad);
}

Result<SegmentContent> read_segment_up_to(const std::string& name, const Bytes& bytes, std::uint64_t through) {
  Result<SegmentContent> content = read(name, bytes, false, through, nullptr);
  if (!content) return content;
  const std::uint64_t last = content->header.first - 1 + content->records.size();
  if (last >= through) return content;
  return fail(Code::corrupt, "log segment {} ends with index {}", name, last);
}

}  // namespace gfs::master
