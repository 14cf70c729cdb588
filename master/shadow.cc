#include "master/shadow.h"

#include <utility>

#include "base/log.h"
#include "base/task_group.h"
#include "bus/endpoint.h"
#include "master/shadow_service.h"

namespace gfs::master {

struct Shadow::Parts {
  Parts(Executor& executor, Random& random, bus::Bus& bus_of, ShadowSettings settings_of)
      : bus(bus_of),
        settings(std::move(settings_of)),
        endpoint(executor, random, bus, {.role = bus::kShadow, .program = "gfs-master " GFS_VERSION}),
        follower(endpoint, settings.follower()),
        service(follower) {}

  bus::Bus& bus;
  const ShadowSettings settings;
  bus::Endpoint endpoint;
  Follower follower;
  ShadowService service;
  bus::Address listening;
  TaskGroup group;
};

Shadow::Shadow(Executor& executor, Random& random, bus::Bus& bus, ShadowSettings settings)
    : parts_(std::make_unique<Parts>(executor, random, bus, std::move(settings))) {}

Shadow::~Shadow() { stop(); }

Task<> Shadow::start() {
  Parts& parts = *parts_;
  parts.service.serve(parts.endpoint);
  parts.endpoint.set_index([&parts] { return parts.follower.index(); });
  parts.endpoint.set_behind([&parts] { return to_ms(parts.follower.behind()); });
  bus::ListenAt at;
  at.control = parts.settings.listen;
  bus::ListenAt bound = co_await parts.bus.listen(at);
  parts.listening = bound.control;
  parts.service.set_address(parts.settings.advertise.empty() ? bound.control : parts.settings.advertise);
  parts.group.spawn(parts.follower.run());
  log::info("ready", {{"listen", bound.control}, {"follows", parts.settings.follow}});
}

void Shadow::stop() {
  parts_->endpoint.stop();
  parts_->group.cancel();
}

bus::Address Shadow::listening() const { return parts_->listening; }
const Follower& Shadow::follower() const { return parts_->follower; }

}  // namespace gfs::master
