#include "app/services.hpp"

#include <algorithm>

#include "app/wiring.hpp"

namespace guildhall::app {
namespace {

std::unique_ptr<service::Module> make_connection(const service::Base& base, Wiring& wiring) {
    connection::Options options = wiring.config().connection;
    options.graph.folder = wiring.config().data_dir;
    auto module = std::make_unique<connection::Module>(base, connection::Module::Needs{wiring.directory()}, options);
    wiring.connections = module.get();
    return module;
}

std::unique_ptr<service::Module> make_user(const service::Base& base, Wiring& wiring) {
    Engines& engines = wiring.engines();
    auto module = std::make_unique<user::Module>(
        base,
        user::Module::Needs{wiring.own_directory(), wiring.degrees(), *engines.cache, *engines.mailer, engines.tokens},
        wiring.config().user);
    wiring.users = module.get();
    return module;
}

std::unique_ptr<service::Module> make_post(const service::Base& base, Wiring& wiring) {
    auto module = std::make_unique<post::Module>(
        base, post::Module::Needs{wiring.directory(), wiring.network(), wiring.degrees()}, wiring.config().post);
    wiring.posts = module.get();
    return module;
}

}  // namespace

std::span<const ServiceRow> services() {
    // Profiles show degrees, so connection comes before user. What connection needs of user, the directory, needs
    // nothing itself and is made first (Wiring::own_directory).
    static const std::vector<ServiceRow> table{
        {.name = "connection",
         .summary = "Invitations, connections, follows, and the graph that they make",
         .needs = {"user"},
         .without = "feeds and what only connections may see answer 503, degrees are not known",
         .definition = connection::Module::definition,
         .make = make_connection},
        {.name = "user",
         .summary = "Accounts, sessions, profiles and blocks",
         .needs = {"connection"},
         .without = "names are those of the last minutes; what is not known here answers 503",
         .definition = user::Module::definition,
         .make = make_user},
        {.name = "post",
         .summary = "Posts, comments, reactions and the feed",
         .needs = {"user", "connection"},
         .without = "",
         .definition = post::Module::definition,
         .make = make_post},
    };
    return table;
}

const ServiceRow* find_service(std::string_view name) {
    const auto found = std::ranges::find(services(), name, &ServiceRow::name);
    return found == services().end() ? nullptr : &*found;
}

bool asks_other_process(const Config::Services& here, std::string_view name) {
    if (here.runs(name)) return false;
    return name == kSessionsService || std::ranges::any_of(services(), [&](const ServiceRow& row) {
               return here.runs(row.name) && std::ranges::find(row.needs, name) != row.needs.end();
           });
}

}  // namespace guildhall::app
