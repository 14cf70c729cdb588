// ServerSlots: small numbers for the servers that chunks name, so that a million chunks need not spell them out.
//
// Slot 0 is nobody (the nil id). The others are given in the order in which servers are first named, and never taken
// back: as many servers as there ever were are few, and what is frozen needs no count of who still names them. The same
// ops give the same slots.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "base/id.h"
#include "master/cow.h"

namespace gfs::master {

class ServerSlots {
 public:
  using Ids = std::vector<ServerId>;  // by slot

  // Gives it one if it has none.
  std::uint32_t slot(ServerId server) {
    auto [at, fresh] = slots_.try_emplace(server, static_cast<std::uint32_t>(ids_->size()));
    if (fresh) ids_.change().push_back(server);
    return at->second;
  }
  bool has(ServerId server) const { return slots_.contains(server); }
  const Ids& ids() const { return *ids_; }
  std::shared_ptr<const Ids> freeze() const { return ids_.freeze(); }

 private:
  Cow<Ids> ids_{Ids{ServerId{}}};
  std::map<ServerId, std::uint32_t> slots_{{ServerId{}, 0}};
};

}  // namespace gfs::master
