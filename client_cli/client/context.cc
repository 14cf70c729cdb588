#include "client_cli/client/context.h"

#include <algorithm>

#include "client_cli/client/fragments.h"

namespace gfs::client {

namespace {

Settings within_bounds(Settings settings) {
  settings.fragment = std::clamp(settings.fragment, kBlockSize, kFragmentMax);
  settings.window = std::max(settings.window, settings.fragment);
  settings.read_ahead = std::max(settings.read_ahead, kFragmentMax);
  return settings;
}

}  // namespace

Context::Context(Executor& executor_given, Random& random_given, bus::Bus& bus, Settings given)
    : settings(within_bounds(std::move(given))),
      executor(executor_given),
      random(random_given),
      endpoint(executor, random, bus, {.role = bus::kClient, .program = "gfs-client " GFS_VERSION}),
      master(endpoint, settings),
      layouts(settings.mutant == "layouts_kept" ? Duration(24h) : settings.layout_age, kLayoutsMax),
      replicas(random) {}

}  // namespace gfs::client
