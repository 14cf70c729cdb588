// Staging: bytes that were pushed and wait for the order that names them.
//
// Found by RequestId (client, sequence), which no two clients share, and by part: an append over 1 MiB comes in
// several. They stay until the mutation has succeeded here (and on the primary: everywhere), so a repeated order finds
// them without another push. Total bytes are bounded: over the bound the newest are refused, never those whose order
// has come (pinned). What nobody orders expires. A push that comes after its mutation succeeded (late, or sent twice)
// is dropped, unless an order asks for it again.
//
// Owned by ChunkServer; lives on its executor's thread.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/executor.h"
#include "base/id.h"
#include "base/task_group.h"

namespace gfs::chunkserver {

struct StagedFragment {
  ChunkHandle handle;
  std::uint64_t offset = 0;
  std::vector<std::uint32_t> checksums;
  std::uint32_t digest = 0;
  Bytes bytes;
};

class Staging {
 public:
  Staging(Executor& executor, std::uint64_t bytes_max, Duration age_max)
      : executor_(executor), bytes_max_(bytes_max), age_max_(age_max) {}
  ~Staging();
  Staging(const Staging&) = delete;
  Staging& operator=(const Staging&) = delete;

  // overloaded; conflict: other bytes are pinned under this id. The same bytes again are fine.
  Result<> put(RequestId id, std::uint32_t part, StagedFragment fragment);
  const StagedFragment* find(RequestId id, std::uint32_t part = 0) const;
  // missing_data if it has not come by then.
  Task<StagedFragment> wait(RequestId id, std::uint32_t part, Instant until);
  // All parts of the request.
  void pin(RequestId id);
  void unpin(RequestId id);
  // Its mutation has succeeded.
  void release(RequestId id);

  std::uint64_t bytes() const { return bytes_; }
  std::size_t count() const { return entries_.size(); }

 private:
  struct Entry {
    StagedFragment fragment;
    Instant since;
    bool pinned = false;
  };
  using Key = std::pair<RequestId, std::uint32_t>;  // request and part

  void wake(Key key);
  void sweep();
  void sweep_later();
  void erase(std::map<Key, Entry>::iterator entry);

  Executor& executor_;
  std::uint64_t bytes_max_;
  Duration age_max_;
  std::uint64_t bytes_ = 0;
  std::map<Key, Entry> entries_;
  std::multimap<Instant, Key> by_age_;
  std::map<std::pair<Key, std::uint64_t>, Promise<void>> waiting_;  // with the waiter's number
  std::uint64_t last_waiter_ = 0;
  std::set<RequestId> released_;
  std::deque<RequestId> released_order_;
  std::optional<TimerId> sweep_timer_;
};

}  // namespace gfs::chunkserver
