#include "tests/sim/master_log.h"

#include <map>

#include "master/op.h"

namespace gfs::sim {

namespace {

const std::string kFolder = "log/";

}  // namespace

void keep_master_log(SimDisk& disk) { disk.keep_removed(kFolder); }

std::vector<master::LogRecord> master_log(const SimDisk& disk) {
  std::map<std::string, std::string> segments = disk.removed();
  for (const std::string& path : disk.files()) {
    // What a power cut brought back is there as it was when it was removed.
    if (path.starts_with(kFolder)) segments[path] = disk.read_now(path).value_or("");
  }
  std::vector<master::LogRecord> records;
  for (const auto& [path, content] : segments) {
    Result<master::SegmentContent> segment =
        master::read_segment(path.substr(kFolder.size()), Bytes::of(content), true);
    if (!segment) break;
    records.insert(records.end(), segment->records.begin(), segment->records.end());
  }
  return records;
}

LogIndex log_index_of(const SimDisk& disk) {
  LogIndex out;
  for (const master::LogRecord& record : master_log(disk)) {
    Result<master::Op> op = master::decode_op(record.op);
    if (op && !op->header.request.client.nil()) out.emplace(op->header.request, record.header.index);
  }
  return out;
}

}  // namespace gfs::sim
