// AppendRecords: what a chunk remembers of appends, so that each is done exactly once and in its writer's order.
//
// Part of the replicated state of a chunk: every member applies the same appends in the same order and so remembers the
// same; it travels with copies, and from a sealed chunk into the file's next one (import). Changed only where a mutation
// commits, with the mutation's own time (the master's, never a client's clock).
//
// * A batch (records with consecutive sequences of one client) has one record.
// * Of each client the last kPerClientMax batches are kept, of all clients together kRecordsMax; a client's latest stays
//   as long as any. What is older than kKept goes. When a client goes whole, `expired_ms` rises to the time of what went:
//   a batch first asked for at or before then, by a client that is not known here, is never executed (record_expired).
//
// Pure.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/id.h"
#include "base/result.h"

namespace gfs::chunkserver {

struct AppendRecord {
  std::uint64_t first = 0;   // sequence of the batch's first record
  std::uint32_t count = 0;   // records in the batch
  std::uint32_t index = 0;   // chunk number in the file
  std::uint64_t offset = 0;  // in that chunk
  std::uint32_t size = 0;    // bytes
  std::uint32_t digest = 0;  // of its content and cut (what a repeat must match)
  std::int64_t time_ms = 0;
  bool operator==(const AppendRecord&) const = default;
};

class AppendRecords {
 public:
  static constexpr std::size_t kPerClientMax = 64;
  static constexpr std::size_t kRecordsMax = 8192;
  static constexpr std::size_t kClientsMax = 4096;
  static constexpr std::int64_t kKeptMs = 3600 * 1000;

  struct Ask {
    RequestId id;
    std::uint32_t count = 0;
    std::uint32_t size = 0;
    std::uint32_t digest = 0;
    std::uint64_t previous = 0;
    std::int64_t asked_ms = 0;
  };
  // What is to be done with an append: nothing stands against it (nullopt); the record, if it is a repeat; or
  // invalid_argument (other content under this id), out_of_sequence (`previous` is not here), record_expired.
  // `pending_last`: the highest sequence of this client's batches that are ordered and not committed yet; 0: none.
  Result<std::optional<AppendRecord>> judge(const Ask& ask, std::uint64_t pending_last) const;

  void add(ClientId client, const AppendRecord& record);
  // Drops what is older than kKeptMs at `now_ms`, and what is too much.
  void expire(std::int64_t now_ms);
  // Takes over what an earlier chunk of the file remembers; keeps its own (newer) records.
  void import(const AppendRecords& earlier);

  bool empty() const { return clients_.empty() && expired_ms_ == 0; }
  std::size_t size() const { return size_; }
  std::int64_t expired_ms() const { return expired_ms_; }
  // CRC32C over encode(): equal contents, equal digests. 0 if empty.
  std::uint32_t digest() const;
  // At most 64 bytes a record, and a header.
  std::string encode() const;
  static Result<AppendRecords> decode(std::string_view bytes);
  bool operator==(const AppendRecords& other) const {
    return clients_ == other.clients_ && expired_ms_ == other.expired_ms_;
  }

 private:
  using Batches = std::deque<AppendRecord>;  // ascending, not overlapping, never empty
  using Clients = std::map<ClientId, Batches>;

  void trim();
  void drop(Clients::iterator client);

  Clients clients_;
  std::size_t size_ = 0;
  std::int64_t expired_ms_ = 0;
  std::int64_t oldest_ms_ = INT64_MAX;  // nothing here is older: most calls of expire() need not look
};

}  // namespace gfs::chunkserver
