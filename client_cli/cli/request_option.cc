#include "client_cli/cli/request_option.h"

#include <charconv>

namespace gfs::cli {

std::vector<Option> with_request_options(std::vector<Option> options) {
  options.push_back({0, "req", "CLIENT:SEQ", "repeats the request that had this id: it is done once all the same"});
  options.push_back({0, "show-req", "", "tells the request's id"});
  return options;
}

Result<std::optional<RequestId>> given_request(const Arguments& arguments, std::size_t things) {
  if (!arguments.has("req")) return std::optional<RequestId>();
  std::string text = arguments.value("req");
  std::size_t colon = text.find(':');
  std::optional<ClientId> client = ClientId::parse(std::string_view(text).substr(0, colon));
  std::uint64_t sequence = 0;
  if (client && colon != std::string::npos) {
    const char* end = text.data() + text.size();
    auto [stopped, error] = std::from_chars(text.data() + colon + 1, end, sequence);
    if (error != std::errc() || stopped != end) sequence = 0;
  }
  if (!client || client->nil() || sequence == 0) {
    return fail(Code::invalid_argument, "--req {}: an id looks like 0f0e...-...:7, as errors and --show-req tell it",
                escape_for_terminal(text.substr(0, 100)));
  }
  if (things != 1) return fail(Code::invalid_argument, "--req {} is one request: name one path, not {}", text, things);
  return std::optional(RequestId{*client, sequence});
}

void tell_mutation(Session& session, const Arguments& arguments, Json json) {
  std::optional<RequestId> request = session.request();
  std::string id = request ? request->text() : "";
  if (session.out().json()) {
    json["req"] = nullptr;
    if (request) json["req"] = id;
    session.out().object(std::move(json));
  } else if (arguments.has("show-req")) {
    session.out().line(id);
  }
}

}  // namespace gfs::cli
