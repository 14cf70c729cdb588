#include "tests/sim/append_history.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/crc32c.h"

namespace gfs::sim {

namespace {

constexpr std::uint8_t kMark = 0x80;

std::uint64_t number_at(std::string_view bytes, std::size_t at, std::size_t size) {
  std::uint64_t out = 0;
  for (std::size_t i = size; i > 0; --i) out = out << 8 | static_cast<std::uint8_t>(bytes[at + i - 1]);
  return out;
}

void put(std::string& bytes, std::size_t at, std::size_t size, std::uint64_t value) {
  for (std::size_t i = 0; i < size; ++i) bytes[at + i] = static_cast<char>(value >> (8 * i));
}

// All but the checksum.
std::string unsigned_record(const RecordName& name, std::uint64_t size) {
  std::string out(size, '\0');
  out[0] = static_cast<char>(kMark | name.file << 4 | static_cast<unsigned>(name.writer));
  put(out, 1, 2, name.number);
  put(out, 3, 3, size);
  std::uint64_t word = name.number * 0x9e3779b97f4a7c15 + static_cast<std::uint8_t>(out[0]);
  for (std::size_t at = kRecordMin; at < size; at += 8) {
    word = (word ^ word >> 29) * 0xbf58476d1ce4e5b9 + 1;
    put(out, at, std::min<std::size_t>(8, size - at), word | 1);
  }
  return out;
}

std::uint64_t checksum_of(const std::string& record) {
  return crc32c(record.data() + kRecordMin, record.size() - kRecordMin, crc32c(record.data(), 6)) & 0xffff;
}

}  // namespace

std::string RecordName::text() const {
  return fmt::format("record {} of writer {} in {}", number, writer, append_path(file));
}

void AppendHistory::begin(const RecordName& name, std::uint64_t size, std::uint64_t stream, Instant now) {
  AppendOp& op = ops[name];
  if (op.size != 0) return;  // a repeat
  op = {name, size, stream, now, {}, Fate::pending, 0, false};
}

void AppendHistory::end(const RecordName& name, Fate fate, std::uint64_t offset, Instant now) {
  AppendOp& op = ops.at(name);
  const bool decided = op.fate == Fate::ok || op.fate == Fate::failed;
  if (decided || (op.fate == Fate::unknown && fate != Fate::ok)) return;
  // The answer may have been on its way when the power went.
  if (fate == Fate::ok && op.invoked <= last_loss) fate = Fate::unknown;
  if (op.fate == Fate::unknown) --unknown;
  op.fate = fate;
  op.offset = offset;
  op.ended = now;
  ++(fate == Fate::ok ? ok : fate == Fate::failed ? failed : unknown);
}

void AppendHistory::synced(const std::vector<RecordName>& names, Instant began) {
  if (began <= last_loss) return;
  for (const RecordName& name : names) {
    AppendOp& op = ops.at(name);
    if (op.fate == Fate::ok && op.ended <= began) op.synced = true;
  }
}

void AppendHistory::power_lost(Instant now) {
  last_loss = now;
  for (auto& [name, op] : ops) {
    if (op.synced) continue;
    seen.erase(name);
    if (op.fate != Fate::ok) continue;
    op.fate = Fate::unknown;
    --ok;
    ++unknown;
  }
}

Bytes record_of(const RecordName& name, std::uint64_t size) {
  std::string out = unsigned_record(name, size);
  put(out, 6, 2, checksum_of(out));
  return Bytes::of(std::move(out));
}

std::string append_path(std::size_t file) { return "/append/a" + std::to_string(file); }

Parsed parse_records(std::string_view bytes, std::uint64_t offset, std::uint64_t chunk_size) {
  Parsed out;
  out.end = offset;
  const std::uint64_t begin = offset;
  const std::uint64_t limit = offset + bytes.size();
  while (out.end < limit) {
    const std::string_view rest = bytes.substr(out.end - begin);
    const auto first = static_cast<std::uint8_t>(rest[0]);
    if (first == 0) {
      const std::uint64_t to = std::min((out.end / chunk_size + 1) * chunk_size, limit);
      const std::string_view gap = rest.substr(0, to - out.end);
      if (gap.find_first_not_of('\0') != std::string_view::npos) {
        out.wrong = fmt::format("zeros that end at {}", out.end + gap.find_first_not_of('\0'));
        return out;
      }
      out.end = to;
      continue;
    }
    if (rest.size() < kRecordMin) return out;
    Placed placed{{(first >> 4) & 7u, first & 15, number_at(rest, 1, 2)}, out.end, number_at(rest, 3, 3)};
    if (first < kMark || placed.size < kRecordMin) {
      out.wrong = "bytes that begin no record";
      return out;
    }
    if (rest.size() < placed.size) return out;
    if (rest.substr(0, placed.size) != record_of(placed.name, placed.size).view()) {
      out.wrong = fmt::format("{} bytes that are not {}", placed.size, placed.name.text());
      return out;
    }
    out.records.push_back(placed);
    out.end += placed.size;
  }
  return out;
}

}  // namespace gfs::sim
