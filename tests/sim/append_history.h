// AppendHistory: the records that clients appended to shared files, and what they were told of each.
//
// A record names its file, its writer and its number, and its bytes follow from these, so every byte of an append file
// can be attributed:
//
//   0      1        3       6      8            size
//   | 8fw  | number | size  | crc  | pattern ...|        8: mark; f: file; w: writer; integers little-endian
//
// Written by the workload only. One thread.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "tests/sim/history.h"

namespace gfs::sim {

inline constexpr std::size_t kRecordMin = 8;
inline constexpr std::size_t kAppendFilesMax = 8;
inline constexpr int kPreparer = 15;  // the writer of each file's first record
inline constexpr int kVerifier = 14;  // and of what is appended in the end

struct RecordName {
  std::size_t file = 0;
  int writer = 0;
  std::uint64_t number = 0;  // less than 65536
  auto operator<=>(const RecordName&) const = default;
  std::string text() const;
};

struct AppendOp {
  RecordName name;
  std::uint64_t size = 0;
  std::uint64_t stream = 0;  // appends of one stream keep their order
  Instant invoked{}, ended{};
  Fate fate = Fate::pending;
  std::uint64_t offset = 0;  // in the file, as answered
  bool synced = false;
};

struct AppendHistory {
  std::map<RecordName, AppendOp> ops;
  std::uint64_t chunk_size = 64ull << 20;
  std::vector<std::uint64_t> starts;         // of each file: where its first record is
  std::map<RecordName, std::uint64_t> seen;  // by readers: the offset
  std::uint64_t ok = 0, failed = 0, unknown = 0, repeats = 0;
  Instant last_loss = Instant::min();

  void begin(const RecordName& name, std::uint64_t size, std::uint64_t stream, Instant now);
  // A record whose outcome was unknown may be decided later, by a repeat; a repeat that fails decides nothing.
  void end(const RecordName& name, Fate fate, std::uint64_t offset, Instant now);
  void synced(const std::vector<RecordName>& names, Instant began);
  void power_lost(Instant now);
};

Bytes record_of(const RecordName& name, std::uint64_t size);
std::string append_path(std::size_t file);

// A record as it lies in a file.
struct Placed {
  RecordName name;
  std::uint64_t offset = 0;  // in the file
  std::uint64_t size = 0;
};

struct Parsed {
  std::vector<Placed> records;
  std::uint64_t end = 0;  // in the file: behind the last whole record, or behind the zeros that follow it
  std::string wrong;      // what lies there instead of a record; empty: nothing but an incomplete one
};

// The records from `offset` on, where one begins. Zeros up to the end of a chunk are a gap.
Parsed parse_records(std::string_view bytes, std::uint64_t offset, std::uint64_t chunk_size);

}  // namespace gfs::sim
