// ServerProbe: the master dials a chunkserver itself, to see whether anybody is there.
//
// Heartbeats need three seconds to be missed; a refused connection says at once that the process is gone. An answer of
// any kind, a refusal too, says that it lives. Whoever asks about the same server meanwhile shares the attempt.
//
// Owned by LayoutService; lives on its loop.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "bus/endpoint.h"
#include "master/server_table.h"
#include "master/state.h"

namespace gfs::master {

class ServerProbe {
 public:
  static constexpr Duration kTime = 250ms;
  static constexpr Duration kTimeAnew = 1s;
  enum class Answer : std::uint8_t { alive, refused, silent };

  ServerProbe(const MasterState& state, ServerTable& servers) : state_(state), servers_(servers) {}
  void attach(bus::Endpoint& endpoint) { endpoint_ = &endpoint; }

  // refused: the table knows it for dead from then on, until it is heard again.
  Task<Answer> look(ServerId server);
  // The same, over a connection that is made for it, as the one there is may be what stands still; and more patient.
  Task<Answer> look_anew(ServerId server);

 private:
  Task<Answer> share(ServerId server, Duration time, bool anew);
  Task<Answer> dial(ServerId server, Duration time, bool anew);

  const MasterState& state_;
  ServerTable& servers_;
  bus::Endpoint* endpoint_ = nullptr;
  std::map<std::pair<ServerId, bool>, std::vector<Promise<Answer>>> flights_;  // and whether it is dialled anew
  TaskGroup group_;
};

}  // namespace gfs::master
