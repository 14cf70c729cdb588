#include "client_cli/cli/decisions.h"

#include "base/units.h"

namespace gfs::cli {

void print_explanation(Session& session, const bus::Explain::Reply& reply, Json json) {
  Output& out = session.out();
  if (out.json()) {
    json["now"] = reply.now;
    Json decisions = Json::array();
    for (const bus::Explain::Decision& one : reply.decisions) {
      Json decision{{"time_ms", one.time_ms}, {"kind", one.kind}};
      if (one.handle.value != 0) decision["chunk"] = fmt::format("{}", one.handle);
      if (!one.server.nil()) decision["server"] = one.server.text();
      decision["text"] = one.text;
      decisions.push_back(std::move(decision));
    }
    json["decisions"] = std::move(decisions);
    out.object(std::move(json));
    return;
  }
  for (const std::string& line : reply.now) out.line(out.name(line));
  for (const bus::Explain::Decision& one : reply.decisions) {
    const Duration ago = std::chrono::milliseconds(std::max<std::int64_t>(reply.now_ms - one.time_ms, 0));
    std::string about;
    if (one.handle.value != 0) about += fmt::format("  chunk {}", one.handle);
    if (!one.server.nil()) about += fmt::format("  server {}", one.server);
    out.line(
        fmt::format("{:>8} ago  {:<8}{}  {}", format_duration(ago), out.name(one.kind), about, out.name(one.text)));
  }
}

}  // namespace gfs::cli
