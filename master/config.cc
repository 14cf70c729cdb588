#include "master/config.h"

#include "base/config.h"
#include "base/units.h"
#include "bus/listen_address.h"

namespace gfs::master {

Result<> read_file(const std::string& path, Options& options, Settings& settings) {
  Result<Config> config = Config::load(path);
  if (!config) return fail(std::move(config));
  Options file;
  config->get("data", file.data);
  config->get("listen", file.listen);
  config->get("advertise", file.advertise);
  config->get("insecure", file.insecure);
  config->get("replicas", settings.replicas);
  config->get("minimum_for_writing", settings.minimum_for_writing);
  config->get_duration("heartbeat", settings.heartbeat);
  config->get_duration("suspect_after", settings.suspect_after);
  config->get_duration("lost_after", settings.lost_after);
  config->get_duration("lease", settings.lease);
  config->get_size("log_segment", settings.log_segment);
  Result<> finished = config->finish();
  if (!finished) return finished;
  if (options.data.empty()) options.data = file.data;
  if (options.listen.empty()) options.listen = file.listen;
  if (options.advertise.empty()) options.advertise = file.advertise;
  options.insecure = options.insecure || file.insecure;
  return {};
}

Result<> apply(const Options& options, Settings& settings) {
  if (options.data.empty()) return fail(Code::invalid_argument, "--data: no directory was given");
  if (options.listen.empty()) return fail(Code::invalid_argument, "--listen: no address was given");
  if (settings.replicas == 0 || settings.replicas > 16) {
    return fail(Code::invalid_argument, "replicas: {} is not in 1 to 16", settings.replicas);
  }
  if (settings.minimum_for_writing == 0 || settings.minimum_for_writing > settings.replicas) {
    return fail(Code::invalid_argument, "minimum_for_writing: {} is not in 1 to {} (replicas)",
                settings.minimum_for_writing, settings.replicas);
  }
  if (settings.heartbeat < 10ms || settings.suspect_after < settings.heartbeat * 2 ||
      settings.lost_after < settings.suspect_after || settings.lease < settings.lost_after) {
    return fail(Code::invalid_argument,
                "heartbeat x 2 <= suspect_after <= lost_after <= lease must hold, heartbeat at least 10ms");
  }
  if (settings.log_segment < 4 * KiB || settings.log_segment > 1 * GiB) {
    return fail(Code::invalid_argument, "log_segment: {} is not in 4KiB to 1GiB", format_size(settings.log_segment));
  }
  Result<bus::ListenAt> listen = bus::listen_at(options.listen);
  if (!listen) return fail(Code::invalid_argument, "--listen: {}", listen.error().message);
  settings.listen = {listen->control, {}, listen->events};
  if (!options.insecure && !bus::only_local(options.listen)) {
    return fail(Code::refused, "--listen {}: without keys only loopback addresses are bound; --insecure allows others",
                options.listen);
  }
  if (!options.advertise.empty()) {
    Result<bus::ListenAt> advertise = bus::listen_at(options.advertise);
    if (!advertise) return fail(Code::invalid_argument, "--advertise: {}", advertise.error().message);
    settings.advertise = advertise->control;
  }
  settings.format = options.format;
  return {};
}

}  // namespace gfs::master
