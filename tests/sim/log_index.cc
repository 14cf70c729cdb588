#include "tests/sim/log_index.h"

#include "master/log_reader.h"
#include "master/op.h"

namespace gfs::sim {

LogIndex log_index_of(const SimDisk& disk) {
  LogIndex out;
  for (const std::string& path : disk.files()) {
    if (!path.starts_with("log/")) continue;  // the names of segments are relative to it
    Bytes bytes = Bytes::of(disk.read_now(path).value_or(""));
    Result<master::SegmentContent> segment = master::read_segment(path.substr(4), bytes, true);
    if (!segment) return out;
    for (const master::LogRecord& record : segment->records) {
      Result<master::Op> op = master::decode_op(record.op);
      if (op && !op->header.request.client.nil()) out.emplace(op->header.request, record.header.index);
    }
  }
  return out;
}

}  // namespace gfs::sim
