// Reads one segment's bytes: the records, or what is wrong with them. Pure; a fuzz target.
#pragma once

#include <cstdint>
#include <vector>

#include "master/log_format.h"

namespace gfs::master {

struct LogRecord {
  RecordHeader header;
  Bytes op;
  std::uint64_t end = 0;  // offset behind it
};

struct SegmentContent {
  SegmentHeader header;
  std::vector<LogRecord> records;
  std::uint64_t end = 0;  // of the last good record
  bool torn = false;      // bytes behind `end` are an unfinished write, to be cut off
  std::string torn_reason;
};

// `last`: only the last segment may be torn. `name` is for messages.
// corrupt: file, offset, index, reason; `bad` is told the index. wrong_version.
Result<SegmentContent> read_segment(const std::string& name, const Bytes& bytes, bool last,
                                    std::uint64_t* bad = nullptr);

// The same up to the record `through`, whatever follows it. corrupt, too, if there is no such record.
Result<SegmentContent> read_segment_up_to(const std::string& name, const Bytes& bytes, std::uint64_t through);

}  // namespace gfs::master
