#include "chunkserver/journal_record.h"

#include <algorithm>

#include "base/crc32c.h"
#include "chunkserver/block_checksums.h"
#include "chunkserver/little_endian.h"

namespace gfs::chunkserver {

namespace {

enum class Kind : std::uint8_t {
  adopt = 1,
  intent = 2,
  durable = 3,
  damage = 4,
  promise = 5,
  install = 6,
  suspect = 7,
  fork = 8,
  mend = 9,
  distrust = 10,
};

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

std::unexpected<Error> senseless(const char* what) {
  return fail(Code::corrupt, "{} whose fields do not fit together", what);
}

// What the two records of versions have in common.
template <class Record>
Result<JournalRecord> decode_version(LittleEndianReader& in) {
  Record record;
  record.handle.value = in.u64();
  record.version.value = in.u64();
  record.primary.bytes = in.id();
  record.previous = in.u64();
  const std::uint8_t created = in.u8();
  if (created > 1) return senseless("a version");
  record.created = created != 0;
  return record;
}

template <class Record>
void encode_version(LittleEndianWriter& out, Kind kind, const Record& record) {
  out.u8(static_cast<std::uint8_t>(kind));
  out.u64(record.handle.value);
  out.u64(record.version.value);
  out.raw(std::span<const std::uint8_t>(record.primary.bytes));
  out.u64(record.previous);
  out.u8(record.created ? 1 : 0);
}

bool fits_together(const IntentRecord& intent, std::uint64_t blocks) {
  if (intent.length > kChunkSize || intent.offset > kChunkSize || intent.time_ms < 0 ||
      intent.first_block + blocks > blocks_of(intent.length)) {
    return false;
  }
  const std::uint64_t end = intent.offset + intent.size;
  switch (intent.what) {
    case MutationKind::write:
      return intent.size > 0 && intent.size <= kFragmentMax && intent.length >= end;
    case MutationKind::append:
      return intent.size > 0 && intent.size <= kAppendMax && intent.length == end && intent.count > 0;
    case MutationKind::seal:
      return intent.size == 0 && blocks == 0 && !intent.carries_bytes;
    case MutationKind::import_records:
      return intent.size <= kRecordsSizeMax && blocks == 0 && intent.carries_bytes;
    case MutationKind::truncate:
      return intent.size == 0 && blocks <= 1 && !intent.carries_bytes;
  }
  return false;
}

Result<JournalRecord> decode_intent(LittleEndianReader& in, const Bytes& body) {
  IntentRecord intent;
  intent.handle.value = in.u64();
  intent.version.value = in.u64();
  intent.serial.value = in.u64();
  intent.id.client.bytes = in.id();
  intent.id.sequence = in.u64();
  intent.previous = in.u64();
  intent.what = static_cast<MutationKind>(in.u8());
  intent.offset = in.u64();
  intent.size = in.u64();
  intent.digest = in.u32();
  intent.count = in.u32();
  intent.index = in.u32();
  intent.time_ms = static_cast<std::int64_t>(in.u64());
  intent.length = in.u64();
  intent.first_block = in.u32();
  const std::uint32_t count = in.u32();
  intent.carries_bytes = in.u8() != 0;
  if (count > kBlocks || !fits_together(intent, count)) return senseless("an intent");
  intent.checksums.reserve(count);
  for (std::uint32_t i = 0; i < count; ++i) {
    intent.checksums.push_back(salted(intent.handle, intent.first_block + i, in.u32()));
  }
  if (intent.carries_bytes) {
    intent.bytes = body.slice(in.at(), intent.size);
    in.raw(intent.size);
    if (intent.what == MutationKind::import_records && !AppendRecords::decode(intent.bytes.view())) {
      return senseless("an import");
    }
  }
  return intent;
}

Result<JournalRecord> decode_install(LittleEndianReader& in, const Bytes& body, bool created) {
  InstallRecord install;
  install.created = created;
  install.handle.value = in.u64();
  install.version.value = in.u64();
  install.serial.value = in.u64();
  install.primary.bytes = in.id();
  install.previous = in.u64();
  install.length = in.u64();
  const std::uint8_t sealed = in.u8();
  const std::uint32_t count = in.u32();
  install.records_size = in.u32();
  if (sealed > 1 || install.length > kChunkSize || count != blocks_of(install.length) ||
      install.records_size > kRecordsSizeMax) {
    return senseless("an install");
  }
  install.sealed = sealed != 0;
  install.checksums.reserve(count);
  for (std::uint32_t block = 0; block < count; ++block) {
    install.checksums.push_back(salted(install.handle, block, in.u32()));
  }
  install.copied.resize(count);
  for (std::uint32_t block = 0; block < count; block += 8) {
    const std::uint8_t bits = in.u8();
    for (std::uint32_t i = 0; i < 8 && block + i < count; ++i) install.copied[block + i] = (bits >> i & 1) != 0;
  }
  const bool copies = std::ranges::find(install.copied, true) != install.copied.end();
  if (created && (copies || install.version.value == 0 || install.previous != 0)) return senseless("a fork");
  install.records = body.slice(in.at(), install.records_size);
  in.raw(install.records_size);
  if (!AppendRecords::decode(install.records.view())) return senseless("an install");
  return install;
}

Result<JournalRecord> decode_fields(LittleEndianReader& in, const Bytes& body) {
  const auto kind = static_cast<Kind>(in.u8());
  switch (kind) {
    case Kind::adopt:
      return decode_version<AdoptRecord>(in);
    case Kind::promise:
      return decode_version<PromiseRecord>(in);
    case Kind::intent:
      return decode_intent(in, body);
    case Kind::install:
    case Kind::fork:
      return decode_install(in, body, kind == Kind::fork);
    case Kind::durable: {
      DurableRecord durable;
      durable.handle.value = in.u64();
      durable.through = in.u64();
      return durable;
    }
    case Kind::damage:
      return DamageRecord{ChunkHandle{in.u64()}};
    case Kind::suspect:
      return SuspectRecord{ChunkHandle{in.u64()}};
    case Kind::mend:
      return MendRecord{ChunkHandle{in.u64()}};
    case Kind::distrust:
      return DistrustRecord{ChunkHandle{in.u64()}};
  }
  return fail(Code::corrupt, "a record of unknown kind {}", static_cast<int>(kind));
}

Result<JournalRecord> decode_record(const Bytes& body) {
  LittleEndianReader in(body.span());
  Result<JournalRecord> record = decode_fields(in, body);
  if (record && (!in.ok() || in.left() != 0)) {
    return fail(Code::corrupt, "a record that is shorter or longer than its fields");
  }
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
    encode_version(out, Kind::adopt, *adopt);
  } else if (const auto* promise = std::get_if<PromiseRecord>(&record)) {
    encode_version(out, Kind::promise, *promise);
  } else if (const auto* intent = std::get_if<IntentRecord>(&record)) {
    out.u8(static_cast<std::uint8_t>(Kind::intent));
    out.u64(intent->handle.value);
    out.u64(intent->version.value);
    out.u64(intent->serial.value);
    out.raw(std::span<const std::uint8_t>(intent->id.client.bytes));
    out.u64(intent->id.sequence);
    out.u64(intent->previous);
    out.u8(static_cast<std::uint8_t>(intent->what));
    out.u64(intent->offset);
    out.u64(intent->size);
    out.u32(intent->digest);
    out.u32(intent->count);
    out.u32(intent->index);
    out.u64(static_cast<std::uint64_t>(intent->time_ms));
    out.u64(intent->length);
    out.u32(intent->first_block);
    out.u32(static_cast<std::uint32_t>(intent->checksums.size()));
    out.u8(intent->carries_bytes ? 1 : 0);
    std::uint32_t block = intent->first_block;
    for (std::uint32_t checksum : intent->checksums) out.u32(salted(intent->handle, block++, checksum));
  } else if (const auto* install = std::get_if<InstallRecord>(&record)) {
    out.u8(static_cast<std::uint8_t>(install->created ? Kind::fork : Kind::install));
    out.u64(install->handle.value);
    out.u64(install->version.value);
    out.u64(install->serial.value);
    out.raw(std::span<const std::uint8_t>(install->primary.bytes));
    out.u64(install->previous);
    out.u64(install->length);
    out.u8(install->sealed ? 1 : 0);
    out.u32(static_cast<std::uint32_t>(install->checksums.size()));
    out.u32(install->records_size);
    std::uint32_t block = 0;
    for (std::uint32_t checksum : install->checksums) out.u32(salted(install->handle, block++, checksum));
    for (std::size_t first = 0; first < install->copied.size(); first += 8) {
      std::uint8_t bits = 0;
      for (std::size_t i = 0; i < 8 && first + i < install->copied.size(); ++i) {
        if (install->copied[first + i]) bits |= static_cast<std::uint8_t>(1 << i);
      }
      out.u8(bits);
    }
  } else if (const auto* durable = std::get_if<DurableRecord>(&record)) {
    out.u8(static_cast<std::uint8_t>(Kind::durable));
    out.u64(durable->handle.value);
    out.u64(durable->through);
  } else if (const auto* damage = std::get_if<DamageRecord>(&record)) {
    out.u8(static_cast<std::uint8_t>(Kind::damage));
    out.u64(damage->handle.value);
  } else if (const auto* suspect = std::get_if<SuspectRecord>(&record)) {
    out.u8(static_cast<std::uint8_t>(Kind::suspect));
    out.u64(suspect->handle.value);
  } else if (const auto* mend = std::get_if<MendRecord>(&record)) {
    out.u8(static_cast<std::uint8_t>(Kind::mend));
    out.u64(mend->handle.value);
  } else if (const auto* distrust = std::get_if<DistrustRecord>(&record)) {
    out.u8(static_cast<std::uint8_t>(Kind::distrust));
    out.u64(distrust->handle.value);
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
  const bool same_boot = contents.this_boot = boot.substr(0, cut.size()) == cut;
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
