#include "app/engines.hpp"

#include <chrono>

#include "app/services.hpp"
#include "platform/base/text.hpp"
#include "platform/bus/memory.hpp"
#include "platform/bus/rabbitmq.hpp"
#include "platform/cache/memory.hpp"
#include "platform/cache/redis.hpp"
#include "platform/http/redis_rate_limiter.hpp"
#include "platform/realtime/redis.hpp"

namespace guildhall::app {
namespace {

std::unique_ptr<redis::Client> make_redis(const Config& config, IoThreads& threads) {
    if (config.redis.url.empty()) return nullptr;
    return std::make_unique<redis::Client>(redis::parse_url(config.redis.url), threads.contexts());
}

std::unique_ptr<bus::Bus> make_bus(const Config& config, const std::string& owner, IoThreads& threads) {
    if (config.bus.urls.empty()) return bus::make_memory_bus();
    bus::RabbitmqOptions options = config.bus;
    options.client = "guildhall " + owner;
    for (boost::asio::io_context* context : threads.contexts()) options.executors.push_back(context->get_executor());
    for (const ServiceRow& row : services()) {
        if (config.services.runs(row.name)) continue;
        for (bus::Wanted& wanted : service::wanted_by(row.definition()))
            options.remote_consumers.push_back(std::move(wanted));
    }
    return bus::make_rabbitmq_bus(std::move(options));
}

/// Request ids only have to differ: that needs no lease.
std::uint16_t random_node() {
    const std::string bytes = random_bytes(2);
    return static_cast<std::uint16_t>(
        (static_cast<unsigned char>(bytes[0]) << 8 | static_cast<unsigned char>(bytes[1])) & 1023);
}

}  // namespace

Engines::Engines(const Config& config, const std::string& owner, IoThreads& threads)
    : redis(make_redis(config, threads)),
      cache(redis ? cache::make_redis_cache(*redis, config.redis.prefix + "cache:")
                  : cache::make_memory_cache(clock, config.cache.max_bytes)),
      channel(redis ? realtime::make_redis_channel(*redis, config.redis.prefix + "live:")
                    : realtime::make_memory_channel()),
      replicas(redis ? std::make_unique<cache::ChannelCoherence>(*channel) : nullptr),
      alone(redis ? nullptr : cache::make_memory_coherence()),
      coherence(redis ? static_cast<cache::Coherence&>(*replicas) : *alone),
      limiter(redis ? http::make_redis_rate_limiter(*redis, config.redis.prefix + "limit:", config.rate_limits, clock)
                    : std::make_unique<http::MemoryRateLimiter>(config.rate_limits, clock)),
      bus(make_bus(config, owner, threads)),
      has_broker(!config.bus.urls.empty()),
      mailer(config.mail.url.empty() ? mail::make_file_mailer(config.data_dir / "mail", config.mail.from)
                                     : mail::make_smtp_mailer(config.mail)),
      has_mail_server(!config.mail.url.empty() && config.services.runs("user")),
      tokens(config.user.issuer, clock),
      request_ids(clock, random_node()) {
    if (!config.services.secrets.empty()) internal_tokens.emplace(config.services.secrets, clock);
}

std::vector<service::Dependency> Engines::dependencies() const {
    std::vector<service::Dependency> out;
    if (redis)
        out.push_back(
            {"redis",
             "answers are computed from SQL, limits are counted by each process for itself, live events reach "
             "this process only",
             false, [this]() -> Task<bool> { co_return redis->is_up(); }});
    if (has_broker)
        out.push_back({"rabbitmq", "events wait in the outbox; what is derived from them comes later", false,
                       [this]() -> Task<bool> { co_return bus->ready(); }});
    if (has_mail_server)
        out.push_back({"mail", "mails wait, and are sent when the mail server answers", false,
                       [this] { return mailer->is_up(); }});
    return out;
}

}  // namespace guildhall::app
