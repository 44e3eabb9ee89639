#include "app/health.hpp"

#include <optional>
#include <ostream>

#include "app/io_threads.hpp"
#include "platform/base/result.hpp"
#include "platform/http/client.hpp"

namespace guildhall::app {

void ask_readiness(const std::string& url, std::ostream& out) {
    IoThreads threads(1);
    http::Client client;
    std::optional<http::ClientResponse> response;
    run_and_wait(threads, [&]() -> Task<void> {
        http::ClientRequest request;
        request.peer = "server";
        request.url = url + "/readyz";
        response = co_await client.send(std::move(request));
    });
    client.stop();
    threads.stop();
    if (response->status != 200) throw Unavailable("/readyz answered " + std::to_string(response->status));
    out << response->body << '\n';
}

}  // namespace guildhall::app
