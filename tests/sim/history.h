// History: what the clients asked for and what they were told, as the checkers judge it.
//
// Data is written in cells of 16 bytes {operation 8, cell number 4, check 4}, so that every byte read names its writer.
// Written by the workload only. One thread.
#pragma once

#include <cstdint>
#include <limits>
#include <set>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/time.h"

namespace gfs::sim {

inline constexpr std::uint64_t kCell = 16;

enum class Fate : std::uint8_t { pending, ok, failed, unknown };

struct WriteOp {
  std::uint64_t id = 0;  // 1, 2, ...: position in History::writes + 1
  std::size_t file = 0;
  std::uint64_t offset = 0, size = 0;
  Instant invoked{}, ended{};
  Fate fate = Fate::pending;
  std::uint64_t client = 0;  // the life of a client that wrote it
  bool synced = false;       // forced to every member's disk since it was acknowledged
  std::uint64_t end() const { return offset + size; }
};

struct History {
  std::uint64_t chunk_size = 64ull << 20;
  std::vector<WriteOp> writes;
  std::vector<std::vector<std::uint64_t>> by_file;  // ids
  std::set<std::size_t> lone;                       // files whose acknowledged writes may be lost with one server
  std::vector<std::uint64_t> synced_size;           // of each file: what a sync or close has acknowledged
  std::uint64_t ok = 0, failed = 0, unknown = 0, reads = 0;
  Instant last_loss = Instant::min();     // when every machine lost power last
  std::vector<std::string> faults_found;  // "checker: what", in the order they were seen

  std::uint64_t begin(std::size_t file, std::uint64_t offset, std::uint64_t size, Instant now,
                      std::uint64_t client = 0);
  void end(std::uint64_t id, Fate fate, Instant now);
  // A sync or close that began at `began` succeeded: of these writes, those that had been acknowledged before it.
  void synced(const std::vector<std::uint64_t>& ids, Instant began);
  // Every copy of a chunk may have lost what was not synced: those writes are unknown from now on.
  void power_lost(Instant now);
  void found(const std::string& checker, const std::string& what) { faults_found.push_back(checker + ": " + what); }
};

// What operation `id` writes at `offset` (a multiple of 16, as `size`).
Bytes content_of(std::uint64_t id, std::uint64_t offset, std::uint64_t size);
// The operation that wrote the cell at `offset`; 0: never written; -1: no cell of ours.
std::int64_t writer_of(const std::uint8_t* cell, std::uint64_t offset);

std::string data_path(std::size_t file);

}  // namespace gfs::sim
