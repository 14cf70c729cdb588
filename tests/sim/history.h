// History: what the clients asked for and what they were told, as the checkers judge it.
//
// Data is written in cells of 16 bytes {operation 8, cell number 4, crc 4}, so that every byte read names its writer.
// Written by the workload only. One thread.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/time.h"

namespace gfs::sim {

inline constexpr std::uint64_t kCell = 16;
inline constexpr std::uint64_t kChunk = 64ull << 20;

enum class Fate : std::uint8_t { pending, ok, failed, unknown };

struct WriteOp {
  std::uint64_t id = 0;  // 1, 2, ...: position in History::writes + 1
  std::size_t file = 0;
  std::uint64_t offset = 0, size = 0;
  Instant invoked{}, ended{};
  Fate fate = Fate::pending;
  std::uint64_t end() const { return offset + size; }
};

struct History {
  std::vector<WriteOp> writes;
  std::vector<std::vector<std::uint64_t>> by_file;  // ids
  std::vector<std::uint64_t> synced_size;           // of each file: what a sync or close has acknowledged
  std::uint64_t ok = 0, failed = 0, unknown = 0, reads = 0;
  std::vector<std::string> faults_found;  // "checker: what", in the order they were seen

  std::uint64_t begin(std::size_t file, std::uint64_t offset, std::uint64_t size, Instant now) {
    writes.push_back({writes.size() + 1, file, offset, size, now, {}, Fate::pending});
    by_file[file].push_back(writes.size());
    return writes.size();
  }
  void end(std::uint64_t id, Fate fate, Instant now) {
    WriteOp& op = writes[id - 1];
    if (op.fate != Fate::pending) return;
    op.fate = fate;
    op.ended = now;
    ++(fate == Fate::ok ? ok : fate == Fate::failed ? failed : unknown);
  }
  void found(const std::string& checker, const std::string& what) { faults_found.push_back(checker + ": " + what); }
};

// What operation `id` writes at `offset` (a multiple of 16, as `size`).
Bytes content_of(std::uint64_t id, std::uint64_t offset, std::uint64_t size);
// The operation that wrote the cell at `offset`; 0: never written; -1: no cell of ours.
std::int64_t writer_of(const std::uint8_t* cell, std::uint64_t offset);

std::string data_path(std::size_t file);

}  // namespace gfs::sim
