#include "client_cli/cli/server_choice.h"

namespace gfs::cli {

Result<bus::ServerInfo> choose_server(const std::string& named, const std::vector<bus::ServerInfo>& servers) {
  const bus::ServerInfo* chosen = nullptr;
  for (const bus::ServerInfo& server : servers) {
    const bool begins = named.size() >= 4 && server.server.text().starts_with(named);
    if (!begins && server.address != named) continue;
    if (chosen != nullptr) {
      return fail(Code::invalid_argument, "{} may be server {} or {}", named, chosen->server, server.server);
    }
    chosen = &server;
  }
  if (chosen == nullptr) {
    return fail(Code::not_found,
                "no server {}: an id, four or more of its first digits, or an address, as server ls shows",
                named.substr(0, 100));
  }
  return *chosen;
}

Result<ServerId> choose_servers(const std::string& named, const std::vector<bus::ServerInfo>& servers) {
  if (named.empty() || named == "all") return ServerId{};
  Result<bus::ServerInfo> chosen = choose_server(named, servers);
  if (!chosen) return fail(std::move(chosen));
  return chosen->server;
}

}  // namespace gfs::cli
