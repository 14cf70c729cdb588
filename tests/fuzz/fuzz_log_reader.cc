// Fuzz target: what a master reads from its log. Any bytes give records, a torn tail or an error, never a crash; the
// records that are given are the bytes that were read; an operation that decodes is the same when it is read again.
#include <cstdint>
#include <cstdlib>
#include <string>

#include "master/log_reader.h"
#include "master/op.h"

namespace {

using namespace gfs;
using namespace gfs::master;

void read(const Bytes& bytes, bool last) {
  Result<SegmentContent> content = read_segment("0000000000000001.log", bytes, last);
  if (!content) return;
  if (content->torn && !last) std::abort();
  if (content->end > bytes.size()) std::abort();
  std::string written = encode_segment_header(content->header);
  for (LogRecord& record : content->records) {
    append_record(written, record.header, content->header.salt, record.op.view());
    if (written.size() != record.end) std::abort();
  }
  if (bytes.slice(0, content->end).view() != written) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Bytes bytes = Bytes::borrowed(data, size);
  read(bytes, true);
  read(bytes, false);
  // Behind a good header the same bytes reach the records; framed as an operation they are one, and a torn tail.
  SegmentHeader header{.epoch = 1, .first = 1, .salt = 7};
  std::string segment = encode_segment_header(header);
  read(Bytes::of(segment + bytes.str()), true);
  if (size > 0 && size <= kRecordMax) {
    RecordHeader record{.before = header.crc, .epoch = 1, .term = 1, .index = 1};
    append_record(segment, record, header.salt, bytes.view());
    read(Bytes::of(segment + bytes.slice(0, 40).str()), true);
  }
  Result<Op> op = decode_op(bytes);
  if (op) {  // unknown keys of a newer program are not kept
    std::string once = encode_op(*op);
    Result<Op> again = decode_op(Bytes::of(once));
    if (!again || encode_op(*again) != once) std::abort();
  }
  return 0;
}
