// PolicyService: what holds for files, and the rules of directories.
//
// Owned by Master; lives on its loop.
#pragma once

#include "bus/endpoint.h"
#include "bus/messages/client_policy.h"
#include "master/journal.h"

namespace gfs::master {

class PolicyService {
 public:
  // Where no directory says otherwise.
  struct Defaults {
    std::uint32_t replicas = 3;
    std::uint32_t minimum_for_writing = 2;
    WallMs trash = 0;
  };
  static constexpr std::uint32_t kReplicasMax = 8;
  static constexpr std::uint32_t kChunksPerOp = 4096;

  PolicyService(const MasterState& state, Journal& journal, Defaults defaults)
      : state_(state), journal_(journal), defaults_(defaults) {}

  void serve(bus::Endpoint& endpoint);

  Task<bus::FileInfo> set_policy(bus::SetPolicy ask, bus::Caller caller);
  Task<bus::Done> set_directory_policy(bus::SetDirectoryPolicy ask, bus::Caller caller);
  Task<bus::GetPolicy::Reply> get_policy(bus::GetPolicy ask, bus::Caller caller);
  Task<bus::FileInfo> set_replicas(bus::SetReplicas ask, bus::Caller caller);

 private:
  Task<Decision> set_goals(SetReplicasOp op, std::uint32_t digest, bus::Caller caller);

  const MasterState& state_;
  Journal& journal_;
  const Defaults defaults_;
};

}  // namespace gfs::master
