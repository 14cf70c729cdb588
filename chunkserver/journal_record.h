// Journal records: what a chunkserver writes down before it does it, and how the records lie in a segment.
//
// A segment is `journal/<16 hex of its first lsn>.log`: a header {magic, format, first lsn, boot id} and records, each
//   { u32 magic, u32 body size, u64 lsn, u32 written, u32 durable, u32 crc, u32 zero } body, padded with zeros to 8
//   bytes.
// The checksum covers the record's place too, so old bytes at the wrong place are no records. `written` and `durable`
// say up to which offset the segment was in the file, and on the disk, when this record was written: a hole before one
// that says so is damage; any other is the torn end of a life that was cut off.
//
// Pure.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "bus/messages/chunk_chunk.h"
#include "chunkserver/chunk_format.h"

namespace gfs::chunkserver {

using bus::MutationKind;

// `previous`, in every record that changes a chunk: the last mutation this one builds on. Mutations of the chunk
// between the two came to nothing.

// The chunk is held at this version from here on. `created`: nothing of it was on the disk before, so that there need
// not be a metadata file; without it, a chunk of which nothing else is found is lost, not empty.
struct AdoptRecord {
  ChunkHandle handle;
  Version version;
  ServerId primary;
  Lsn previous = 0;
  bool created = false;
};

// Nothing of an older version is applied from here on.
struct PromiseRecord {
  ChunkHandle handle;
  Version version;
  ServerId primary;
  Lsn previous = 0;
  bool created = false;
};

// A mutation about to be carried out.
struct IntentRecord {
  ChunkHandle handle;
  Version version;
  Serial serial;
  RequestId id;
  Lsn previous = 0;
  MutationKind what = MutationKind::write;
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
  std::uint32_t digest = 0;
  std::uint32_t count = 0;
  std::uint32_t index = 0;
  std::int64_t time_ms = 0;
  std::uint64_t length = 0;  // of the chunk, afterwards
  std::uint32_t first_block = 0;
  std::vector<std::uint32_t> checksums;  // of blocks first_block ..., afterwards; salted on disk
  bool carries_bytes = false;
  Bytes bytes;  // decoded: shares the segment's memory
};

// A copy takes effect: this is the chunk from here on. Until a DurableRecord says otherwise the blocks named by
// `copied` are still to be brought over from the copy's own file, and the data file is to be cut to `length`.
// `created`: the chunk begins with it, as another one's copy. Nothing of it was there before, its bytes are on the disk
// in its .fork file, which is still to be renamed, and nothing is `copied`.
struct InstallRecord {
  ChunkHandle handle;
  Version version;
  Serial serial;
  ServerId primary;
  Lsn previous = 0;
  std::uint64_t length = 0;
  bool sealed = false;
  bool created = false;
  std::vector<std::uint32_t> checksums;  // of all blocks; salted on disk
  std::vector<bool> copied;              // of each block
  std::uint32_t records_size = 0;
  Bytes records;  // carried behind the body: AppendRecords::encode(). Decoded: shares the segment's memory
};

// Everything of the chunk up to this lsn is in its data file, on the disk.
struct DurableRecord {
  ChunkHandle handle;
  Lsn through = 0;
};

struct DamageRecord {
  ChunkHandle handle;
};

// It is damaged, though every block may verify: only a copy helps.
struct DistrustRecord {
  ChunkHandle handle;
};

// Every block verifies again.
struct MendRecord {
  ChunkHandle handle;
};

// A power cut may have taken something of the chunk.
struct SuspectRecord {
  ChunkHandle handle;
};

using JournalRecord = std::variant<AdoptRecord, IntentRecord, DurableRecord, DamageRecord, PromiseRecord, InstallRecord,
                                   SuspectRecord, MendRecord, DistrustRecord>;

inline constexpr std::uint64_t kSegmentMagic = 0x314e524a53464721;
inline constexpr std::uint32_t kRecordMagic = 0x31524a47;
inline constexpr std::uint32_t kJournalFormat = 2;
inline constexpr std::size_t kSegmentHeaderSize = 64;
inline constexpr std::size_t kRecordHeaderSize = 32;
static_assert(kRecordHeaderSize == 4 + 4 + 8 + 4 + 4 + 4 + 4);
inline constexpr std::size_t kRecordBodyMax = kFragmentMax + (64u << 10);

std::string journal_path(Lsn first);

std::string encode_segment_header(Lsn first, const std::string& boot_id);
// The body without carried bytes (or append records), which follow it unchanged.
std::string encode_record(const JournalRecord& record);
// Header, body, padding, ready to be written at `position` of the segment.
struct RecordPlace {
  Lsn segment = 0;
  std::uint64_t position = 0;
  Lsn lsn = 0;
  std::uint32_t written = 0;
  std::uint32_t durable = 0;
};
void append_record(std::string& out, const RecordPlace& place, std::string_view body, std::string_view bytes);
std::string frame_record(const RecordPlace& place, std::string_view body, std::string_view bytes);
// What a record takes in the segment.
std::size_t framed_size(std::size_t body_size);

struct SegmentContents {
  struct Entry {
    Lsn lsn = 0;
    JournalRecord record;
  };
  std::vector<Entry> entries;
  std::uint64_t end = 0;  // bytes after it are a torn tail
  bool torn = false;
  bool this_boot = false;  // the machine has been up since it was begun: nothing written was lost
};

// A segment whose begin was interrupted: there is not even a header that checks out, and nothing after it.
bool never_begun(Lsn first, const Bytes& bytes);

// corrupt (path, offset, lsn): what does not check out and cannot be a torn end. wrong_version.
Result<SegmentContents> read_segment(const std::string& path, Lsn first, const Bytes& bytes, const std::string& boot_id,
                                     bool last);

}  // namespace gfs::chunkserver
