#include "chunkserver/journal_record.h"

#include "base/crc32c.h"
#include "chunkserver/block_checksums.h"
#include "chunkserver/little_endian.h"

namespace gfs::chunkserver {

namespace {

enum class Kind : std::uint8_t { adopt = 1, intent = 2, durable = 3, damage = 4 };

std::uint32_t checksum_of(const RecordPlace& place, std::string_view body, std::string_view bytes) {
  LittleEndianWriter header;
  header.u64(place.segment);
  header.u64(place.position);
  header.u64(place.lsn);
  header.u32(place.written);
  header.u32(place.durable);
  header.u64(body.size() + bytes.size());
  return crc32c(bytes, crc32c(body, crc32c(header.view())));
}

std::size_t padded(std::size_t size) { return (size + 7) / 8 * 8; }

Result<JournalRecord> decode_record(const Bytes& body) {
  LittleEndianReader in(body.span());
  const auto kind = static_cast<Kind>(in.u8());
  JournalRecord record;
  switch (kind) {
    case Kind::adopt: {
      AdoptRecord adopt;
      adopt.handle.value = in.u64();
      adopt.version.value = in.u64();
      adopt.primary.bytes = in.id();
      const std::uint8_t created = in.u8();
      if (created > 1) return fail(Code::corrupt, "an adoption with an unknown flag");
      adopt.created = created != 0;
      record = adopt;
      break;
    }
    case Kind::intent: {
      IntentRecord intent;
      intent.handle.value = in.u64();
      intent.version.value = in.u64();
      intent.serial.value = in.u64();
      intent.id.client.bytes = in.id();
      intent.id.sequence = in.u64();
      intent.previous = in.u64();
      intent.offset = in.u64();
      intent.size = in.u64();
      intent.digest = in.u32();
      intent.length = in.u64();
      intent.first_block = in.u32();
      const std::uint32_t count = in.u32();
      intent.carries_bytes = in.u8() != 0;
      if (count > kBlocks || intent.first_block > kBlocks - count || intent.size == 0 || intent.size > kFragmentMax ||
          intent.offset > kChunkSize - intent.size || intent.length > kChunkSize ||
          intent.length < intent.offset + intent.size) {
        return fail(Code::corrupt, "an intent whose fields do not fit together");
      }
      for (std::uint32_t i = 0; i < count; ++i) {
        intent.checksums.push_back(salted(intent.handle, intent.first_block + i, in.u32()));
      }
      if (intent.carries_bytes) {
        intent.bytes = body.slice(in.at(), intent.size);
        in.raw(intent.size);
      }
      record = std::move(intent);
      break;
    }
    case Kind::durable: {
      DurableRecord durable;
      durable.handle.value = in.u64();
      durable.through = in.u64();
      record = durable;
      break;
    }
    case Kind::damage: {
      DamageRecord damage;
      damage.handle.value = in.u64();
      record = damage;
      break;
    }
    default:
      return fail(Code::corrupt, "a record of unknown kind {}", static_cast<int>(kind));
  }
  if (!in.ok() || in.left() != 0) return fail(Code::corrupt, "a record that is shorter or longer than its fields");
  return record;
}

struct Framed {
  RecordPlace place;
  Bytes body;
  std::size_t size = 0;
};

std::optional<Framed> framed_at(const Bytes& bytes, std::uint64_t position, Lsn segment) {
  if (position > bytes.size() || bytes.size() - position < kRecordHeaderSize) return std::nullopt;
  LittleEndianReader in(bytes.span().subspan(position));
  if (in.u32() != kRecordMagic) return std::nullopt;
  const std::uint32_t size = in.u32();
  Framed framed;
  framed.place = {segment, position, in.u64(), in.u32(), in.u32()};
  const std::uint32_t checksum = in.u32();
  if (in.u32() != 0 || size > kRecordBodyMax || in.left() < padded(size)) return std::nullopt;
  framed.body = bytes.slice(position + kRecordHeaderSize, size);
  framed.size = kRecordHeaderSize + padded(size);
  for (std::size_t i = position + kRecordHeaderSize + size; i < position + framed.size; ++i) {
    if (bytes.data()[i] != 0) return std::nullopt;
  }
  if (checksum != checksum_of(framed.place, framed.body.view(), {})) return std::nullopt;
  return framed;
}

bool header_checks_out(const Bytes& bytes, Lsn first) {
  LittleEndianReader in(bytes.span());
  const std::uint64_t magic = in.u64();
  in.u32();  // the format is looked at by the reader
  const Lsn named = in.u64();
  return bytes.size() >= kSegmentHeaderSize && magic == kSegmentMagic && named == first &&
         LittleEndianReader(bytes.span().subspan(kSegmentHeaderSize - 4)).u32() ==
             crc32c(bytes.data(), kSegmentHeaderSize - 4);
}

}  // namespace

bool never_begun(Lsn first, const Bytes& bytes) {
  return bytes.size() <= kSegmentHeaderSize && !header_checks_out(bytes, first);
}

std::string journal_path(Lsn first) { return "journal/" + hex(first) + ".log"; }

std::string encode_segment_header(Lsn first, const std::string& boot_id) {
  LittleEndianWriter out;
  out.u64(kSegmentMagic);
  out.u32(kJournalFormat);
  out.u64(first);
  const std::string boot = boot_id.substr(0, 36);
  out.raw(std::string_view(boot));
  out.zeros(kSegmentHeaderSize - 4 - out.size());
  out.u32(crc32c(out.view()));
  return out.take();
}

std::string encode_record(const JournalRecord& record) {
  LittleEndianWriter out;
  if (const auto* adopt = std::get_if<AdoptRecord>(&record)) {
    out.u8(static_cast<std::uint8_t>(Kind::adopt));
    out.u64(adopt->handle.value);
    out.u64(adopt->version.value);
    out.raw(std::span<const std::uint8_t>(adopt->primary.bytes));
    out.u8(adopt->created ? 1 : 0);
  } else if (const auto* intent = std::get_if<IntentRecord>(&record)) {
    out.u8(static_cast<std::uint8_t>(Kind::intent));
    out.u64(intent->handle.value);
    out.u64(intent->version.value);
    out.u64(intent->serial.value);
    out.raw(std::span<const std::uint8_t>(intent->id.client.bytes));
    out.u64(intent->id.sequence);
    out.u64(intent->previous);
    out.u64(intent->offset);
    out.u64(intent->size);
    out.u32(intent->digest);
    out.u64(intent->length);
    out.u32(intent->first_block);
    out.u32(static_cast<std::uint32_t>(intent->checksums.size()));
    out.u8(intent->carries_bytes ? 1 : 0);
    std::uint32_t block = intent->first_block;
    for (std::uint32_t checksum : intent->checksums) out.u32(salted(intent->handle, block++, checksum));
  } else if (const auto* durable = std::get_if<DurableRecord>(&record)) {
    out.u8(static_cast<std::uint8_t>(Kind::durable));
    out.u64(durable->handle.value);
    out.u64(durable->through);
  } else if (const auto* damage = std::get_if<DamageRecord>(&record)) {
    out.u8(static_cast<std::uint8_t>(Kind::damage));
    out.u64(damage->handle.value);
  }
  return out.take();
}

std::size_t framed_size(std::size_t body_size) { return kRecordHeaderSize + padded(body_size); }

void append_record(std::string& out, const RecordPlace& place, std::string_view body, std::string_view bytes) {
  LittleEndianWriter header;
  const std::size_t size = body.size() + bytes.size();
  header.u32(kRecordMagic);
  header.u32(static_cast<std::uint32_t>(size));
  header.u64(place.lsn);
  header.u32(place.written);
  header.u32(place.durable);
  header.u32(checksum_of(place, body, bytes));
  header.u32(0);
  out.append(header.view());
  out.append(body);
  out.append(bytes);
  out.append(padded(size) - size, '\0');
}

std::string frame_record(const RecordPlace& place, std::string_view body, std::string_view bytes) {
  std::string out;
  append_record(out, place, body, bytes);
  return out;
}

Result<SegmentContents> read_segment(const std::string& path, Lsn first, const Bytes& bytes, const std::string& boot_id,
                                     bool last) {
  SegmentContents contents;
  LittleEndianReader in(bytes.span());
  in.u64();  // the magic is part of the header's check
  const std::uint32_t format = in.u32();
  in.u64();
  const std::string_view boot = bytes.slice(in.at(), 36).view();
  const bool header_ok = header_checks_out(bytes, first);
  if (!header_ok && last) {
    // A segment's header is synced before its first record is: only one without records may be torn.
    bool records = false;
    for (std::uint64_t at = kSegmentHeaderSize; at + kRecordHeaderSize <= bytes.size() && !records; at += 8) {
      records = framed_at(bytes, at, first).has_value();
    }
    if (!records) {
      contents.torn = true;
      return contents;
    }
  }
  if (!header_ok) return fail(Code::corrupt, "{}: offset 0: the segment's header does not check out", path);
  if (format != kJournalFormat) {
    return fail(Code::wrong_version, "{}: format {}, this program reads {}", path, format, kJournalFormat);
  }
  const std::string cut = boot_id.substr(0, 36);
  const bool same_boot = boot.substr(0, cut.size()) == cut;
  std::uint64_t position = kSegmentHeaderSize;
  Lsn before = first - 1;
  while (true) {
    std::optional<Framed> framed = framed_at(bytes, position, first);
    if (!framed || framed->place.lsn <= before) break;
    Result<JournalRecord> record = decode_record(framed->body);
    if (!record)
      return fail(Code::corrupt, "{}: offset {}, lsn {}: {}", path, position, framed->place.lsn,
                  record.error().message);
    before = framed->place.lsn;
    contents.entries.push_back({framed->place.lsn, std::move(*record)});
    position += framed->size;
  }
  contents.end = position;
  contents.torn = position < bytes.size();
  if (!contents.torn) return contents;
  if (!last)
    return fail(Code::corrupt, "{}: offset {}, after lsn {}: damaged before the end of the journal", path, position,
                before);
  for (std::uint64_t at = position + 8; at + kRecordHeaderSize <= bytes.size(); at += 8) {
    std::optional<Framed> later = framed_at(bytes, at, first);
    if (later && later->place.lsn > before &&
        ((same_boot && later->place.written > position) || later->place.durable > position)) {
      return fail(Code::corrupt, "{}: offset {}, after lsn {}: damaged, an intact record (lsn {}) follows", path,
                  position, before, later->place.lsn);
    }
  }
  return contents;
}

}  // namespace gfs::chunkserver
