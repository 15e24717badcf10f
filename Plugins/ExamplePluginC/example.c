// A library of three strategies in C: an estimator (rge.c), a rule (r_ada_zo.c) and an adapter (projection.c).
//
//     cc -O2 -shared -fPIC -ISources/CZerothPlugin/include Plugins/ExamplePluginC/*.c -lm -o libExamplePluginC.so
//     zeroth train --plugin ./libExamplePluginC.so --estimator example-rge --rule r-ada-zo --adapter example-projection ...
#include "example.h"

#include <stdio.h>

int32_t fail(zeroth_plugin_failure *failure, const char *subject, const char *message, const char *expected) {
  snprintf(failure->subject, sizeof failure->subject, "%s", subject);
  snprintf(failure->message, sizeof failure->message, "%s", message);
  snprintf(failure->expected, sizeof failure->expected, "%s", expected);
  return 1;
}

static int32_t register_types(const zeroth_plugin_registrar *registrar, zeroth_plugin_failure *failure) {
  (void)failure;
  int32_t refused = registrar->register_estimator(registrar, &example_rge);
  if (!refused) refused = registrar->register_rule(registrar, &r_ada_zo);
  if (!refused) refused = registrar->register_adapter(registrar, &example_projection);
  return refused;
}

const zeroth_plugin *zeroth_plugin_query(void) {
  static const zeroth_plugin plugin = {
      .magic = ZEROTH_PLUGIN_MAGIC,
      .version = ZEROTH_PLUGIN_VERSION,
      .size = sizeof(zeroth_plugin),
      .name = "example-c",
      .register_types = register_types};
  return &plugin;
}
