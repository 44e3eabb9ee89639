#include "platform/redis/locator.hpp"

#include <utility>

#include "platform/base/result.hpp"
#include "platform/redis/connection.hpp"

namespace guildhall::redis {
namespace {

Task<Endpoint> give(Endpoint server) { co_return server; }

// The primary that one sentinel names. Throws Unavailable.
Task<Endpoint> ask_sentinel(boost::asio::io_context& io, std::shared_ptr<const Settings> settings, Endpoint sentinel) {
    const auto connection = std::make_shared<Connection>(io, settings);
    co_await connection->open_sentinel(std::move(sentinel));
    Command question("SENTINEL");
    question.argument("get-master-addr-by-name").argument(settings->group);
    const Reply answer = co_await connection->ask(std::move(question));
    if (answer.elements.size() != 2) throw Unavailable("Redis: the sentinel knows no group " + settings->group);
    co_return Endpoint{answer.elements[0].text, answer.elements[1].text};
}

Task<Endpoint> ask_sentinels(boost::asio::io_context& io, std::shared_ptr<const Settings> settings,
                             std::shared_ptr<std::size_t> next) {
    std::string reason;
    for (std::size_t tried = 0; tried < settings->hosts.size(); ++tried) {
        try {
            co_return co_await ask_sentinel(io, settings, settings->hosts[*next]);
        } catch (const Unavailable& failure) {
            reason = failure.what();
        }
        *next = (*next + 1) % settings->hosts.size();
    }
    throw Unavailable("no sentinel knows the primary; the last one answered: " + reason);
}

}  // namespace

Locate locate_fixed(Endpoint server) {
    return [server = std::move(server)] { return give(server); };
}

Locate locate_any(boost::asio::io_context& io, std::shared_ptr<const Settings> settings) {
    auto next = std::make_shared<std::size_t>(0);
    if (settings->kind == Settings::Kind::sentinel) {
        return [&io, settings, next] { return ask_sentinels(io, settings, next); };
    }
    return [settings, next] { return give(settings->hosts[(*next)++ % settings->hosts.size()]); };
}

}  // namespace guildhall::redis
