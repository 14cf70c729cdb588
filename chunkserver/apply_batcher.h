// ApplyBatcher: carries a primary's orders to the other members. What is ordered for one member within one turn of the
// loop travels in one message; each order keeps its own outcome.
//
// Owned by PrimaryOrder; lives on its executor's thread.
#pragma once

#include <map>
#include <vector>

#include "base/task_group.h"
#include "bus/endpoint.h"
#include "bus/messages/chunk_chunk.h"

namespace gfs::chunkserver {

class ApplyBatcher {
 public:
  static constexpr std::size_t kOrdersMax = 64;           // in one message
  static constexpr std::uint64_t kBytesMax = 512u << 10;  // that orders bring along in one message

  ApplyBatcher(bus::Endpoint& endpoint, Duration deadline) : endpoint_(endpoint), deadline_(deadline) {}
  ApplyBatcher(const ApplyBatcher&) = delete;
  ApplyBatcher& operator=(const ApplyBatcher&) = delete;
  ~ApplyBatcher() { endpoint_.executor().cancel(flush_); }

  Task<bus::ApplyWrite::Reply> apply(bus::Address to, bus::ApplyWrite ask);

 private:
  struct Order {
    bus::ApplyWrite ask;
    Promise<bus::ApplyWrite::Reply> reply;
  };

  void flush();
  Task<> send(bus::Address to, std::vector<Order> orders);

  bus::Endpoint& endpoint_;
  const Duration deadline_;
  std::map<bus::Address, std::vector<Order>> waiting_;
  TimerId flush_ = 0;
  TaskGroup tasks_;
};

}  // namespace gfs::chunkserver
