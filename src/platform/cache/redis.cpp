#include "platform/cache/redis.hpp"

#include <charconv>
#include <utility>

#include "platform/base/metrics.hpp"
#include "platform/base/result.hpp"

namespace guildhall::cache {
namespace {

using redis::Command;
using redis::Reply;

// A new counter lives for the given time, an existing one keeps its own. Answers with text, because Lua numbers are
// exact to 53 bits only.
constexpr const char* kAdd = R"(
if redis.call('EXISTS', KEYS[1]) == 1 then
    redis.call('INCRBY', KEYS[1], ARGV[1])
    return redis.call('GET', KEYS[1])
end
if tonumber(ARGV[2]) > 0 then redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2]) end
return ARGV[1]
)";

std::optional<std::string> value_of(Reply reply) {
    if (reply.kind != Reply::Kind::text) return std::nullopt;
    return std::move(reply.text);
}

class RedisCache final : public Cache {
public:
    RedisCache(redis::Client& client, std::string prefix) : client_(client), prefix_(std::move(prefix)) {}

    Task<std::optional<std::string>> get(std::string_view key) override {
        Command command("GET");
        command.key(prefix_ + std::string(key));
        try {
            auto value = value_of(co_await client_.run(std::move(command)));
            (value ? hits_ : misses_).add();
            co_return value;
        } catch (const Unavailable&) {
            unavailable_.add();
        }
        co_return std::nullopt;
    }

    Task<std::vector<std::optional<std::string>>> get_all(std::vector<std::string> keys) override {
        std::vector<std::optional<std::string>> values(keys.size());
        if (keys.empty()) co_return values;
        try {
            // The keys of an MGET must be on one node. In a Cluster there is a GET for each, still in one round trip.
            const bool is_cluster = client_.settings().kind == redis::Settings::Kind::cluster;
            auto replies = is_cluster ? co_await get_each(keys) : co_await get_together(keys);
            for (std::size_t i = 0; i < values.size() && i < replies.size(); ++i) {
                values[i] = value_of(std::move(replies[i]));
                (values[i] ? hits_ : misses_).add();
            }
        } catch (const Unavailable&) {
            unavailable_.add();
        }
        co_return values;
    }

    Task<void> set(std::string_view key, std::string value, std::chrono::milliseconds ttl) override {
        auto command = to_set(key, value, ttl);
        co_await try_to(std::move(command));
    }

    Task<void> erase(std::string_view key) override {
        auto command = to_erase(key);
        co_await try_to(std::move(command));
    }

    Task<std::optional<std::int64_t>> add(std::string_view key, std::int64_t by,
                                          std::chrono::milliseconds ttl) override {
        std::vector<std::string> arguments{std::to_string(by), std::to_string(ttl.count())};
        std::optional<std::string> sum;
        try {
            sum = value_of(co_await client_.run(add_, prefix_ + std::string(key), std::move(arguments)));
        } catch (const Unavailable&) {
            unavailable_.add();
        }
        if (!sum) co_return std::nullopt;
        std::int64_t number = 0;
        const auto [rest, failure] = std::from_chars(sum->data(), sum->data() + sum->size(), number);
        if (failure != std::errc()) co_return std::nullopt;
        co_return number;
    }

private:
    Command to_set(std::string_view key, std::string_view value, std::chrono::milliseconds ttl) const {
        if (ttl.count() <= 0) return to_erase(key);
        Command command("SET");
        command.key(prefix_ + std::string(key)).argument(value).argument("PX").argument(ttl.count());
        return command;
    }

    Command to_erase(std::string_view key) const {
        Command command("UNLINK");
        command.key(prefix_ + std::string(key));
        return command;
    }

    Task<std::vector<Reply>> get_each(std::vector<std::string> keys) {
        std::vector<Command> commands;
        commands.reserve(keys.size());
        for (const std::string& key : keys) commands.push_back(std::move(Command("GET").key(prefix_ + key)));
        return client_.run_all(std::move(commands));
    }

    Task<std::vector<Reply>> get_together(std::vector<std::string> keys) {
        Command command("MGET");
        for (const std::string& key : keys) command.key(prefix_ + key);
        Reply reply = co_await client_.run(std::move(command));
        co_return std::move(reply.elements);
    }

    Task<void> try_to(Command command) {
        try {
            co_await client_.run(std::move(command));
        } catch (const Unavailable&) {
            unavailable_.add();
        }
    }

    redis::Client& client_;
    const std::string prefix_;
    const redis::Script add_{kAdd};
    metrics::Counter& hits_ = metrics::counter("guildhall_cache_hits_total", "Keys that the cache held.");
    metrics::Counter& misses_ = metrics::counter("guildhall_cache_misses_total", "Keys that the cache did not hold.");
    metrics::Counter& unavailable_ = metrics::counter(
        "guildhall_cache_unavailable_total", "Calls that did without the shared cache because it was unavailable.");
};

}  // namespace

std::unique_ptr<Cache> make_redis_cache(redis::Client& client, std::string prefix) {
    return std::make_unique<RedisCache>(client, std::move(prefix));
}

}  // namespace guildhall::cache
