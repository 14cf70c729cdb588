// Fuzz target: what a chunkserver reads from its disk (metadata, identity, journal segments) and, of append records,
// from others: any bytes give a value or an error, never a crash; and what decodes encodes to the same bytes.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "chunkserver/append_records.h"
#include "chunkserver/chunk_format.h"
#include "chunkserver/identity.h"
#include "chunkserver/journal_record.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace gfs;
  using namespace gfs::chunkserver;
  const Bytes bytes = Bytes::borrowed(data, size);
  const ChunkHandle handle{0xab};
  Result<ChunkMeta> meta = decode_meta(bytes, handle);
  if (meta && encode_meta(*meta) != bytes.view()) std::abort();
  Result<Identity> identity = decode_identity(bytes);
  if (identity && encode_identity(*identity) != bytes.view()) std::abort();
  Result<AppendRecords> records = AppendRecords::decode(bytes.view());
  if (records && records->encode() != bytes.view()) std::abort();
  (void)read_segment("journal/fuzz", 1, bytes, "boot", true);
  // The same bytes behind a good header reach the records.
  std::string segment = encode_segment_header(1, "boot");
  segment.append(bytes.view());
  (void)read_segment("journal/fuzz", 1, Bytes::of(segment), "boot", true);
  // And framed as a record they reach its fields.
  if (size <= kRecordBodyMax) {
    std::string framed =
        encode_segment_header(1, "boot") + frame_record({1, kSegmentHeaderSize, 1, 0, 0}, bytes.view(), {});
    (void)read_segment("journal/fuzz", 1, Bytes::of(std::move(framed)), "boot", true);
  }
  return 0;
}
