// Directives: what operators said of servers and of repair, and what holds until they say otherwise.
//
// Pure: part of the state that the log rebuilds. MasterState owns it.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>

#include "base/id.h"
#include "base/result.h"
#include "bus/messages/client_repair.h"

namespace gfs::master {

struct Directive {
  bus::ServerMark mark = bus::ServerMark::none;
  WallMs until = 0;    // maint: then it is over
  ServerId successor;  // drain: who takes its chunks. Nil: anybody
  bool operator==(const Directive&) const = default;
};

// Each: its value, or bus::SetRepair::kDefault.
struct RepairRules {
  std::int64_t paused = bus::SetRepair::kDefault;
  std::int64_t per_server = bus::SetRepair::kDefault;   // bytes a second
  std::int64_t per_cluster = bus::SetRepair::kDefault;  // bytes a second
  std::int64_t balance = bus::SetRepair::kDefault;
  bool operator==(const RepairRules&) const = default;
};

class Directives {
 public:
  // Nothing was said, or it is over.
  Directive find(ServerId server, WallMs now) const;
  bool drains(ServerId server) const;
  bool maintained(ServerId server, WallMs now) const { return find(server, now).mark == bus::ServerMark::maint; }
  // Gets no new chunks.
  bool spared(ServerId server, WallMs now) const { return find(server, now).mark != bus::ServerMark::none; }
  bool any_drains() const { return drains_ > 0; }
  std::set<ServerId> draining() const;
  const RepairRules& repair() const { return repair_; }

  void mark(ServerId server, Directive directive);
  void forget(ServerId server) { mark(server, {}); }
  // Of `change`, what is not kKeep.
  void change(const RepairRules& change);

  bool empty() const { return marks_.empty() && repair_ == RepairRules(); }
  std::string freeze() const;
  // Adds what freeze() gave; malformed.
  Result<> load(std::string_view piece);
  std::string dump() const;

 private:
  std::map<ServerId, Directive> marks_;
  std::size_t drains_ = 0;
  RepairRules repair_;
};

// invalid_argument, naming the rule.
Result<> check_repair(const RepairRules& change);

}  // namespace gfs::master
