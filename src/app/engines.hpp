#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "app/config/config.hpp"
#include "app/io_threads.hpp"
#include "platform/base/clock.hpp"
#include "platform/base/id.hpp"
#include "platform/bus/bus.hpp"
#include "platform/cache/cache.hpp"
#include "platform/cache/channel_coherence.hpp"
#include "platform/http/access_token.hpp"
#include "platform/http/client.hpp"
#include "platform/http/internal_token.hpp"
#include "platform/http/rate_limiter.hpp"
#include "platform/mail/mailer.hpp"
#include "platform/realtime/channel.hpp"
#include "platform/redis/client.hpp"
#include "platform/service/dependency.hpp"

namespace guildhall::app {

/// What all services of this process share: each port with the implementation that the configuration chooses.
struct Engines {
    Engines(const Config& config, const std::string& owner, IoThreads& threads);

    /// What /readyz asks of them.
    std::vector<service::Dependency> dependencies() const;

    SystemClock clock;
    std::unique_ptr<redis::Client> redis;  // null: there is none
    std::unique_ptr<cache::Cache> cache;
    std::unique_ptr<realtime::Channel> channel;
    std::unique_ptr<cache::ChannelCoherence> replicas;  // null: no other process changes what is kept here
    std::unique_ptr<cache::Coherence> alone;            // when there is none
    cache::Coherence& coherence;
    std::unique_ptr<http::RateLimiter> limiter;
    std::unique_ptr<bus::Bus> bus;
    const bool has_broker;
    std::unique_ptr<mail::Mailer> mailer;
    const bool has_mail_server;  // and this process sends mail
    http::AccessTokens tokens;
    std::optional<http::InternalTokens> internal_tokens;  // nothing: nobody asks this process, and it asks nobody
    http::Client client;
    IdGenerator request_ids;
};

}  // namespace guildhall::app
