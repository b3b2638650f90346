// Debian's libyaml: the parser that turns YAML into events with their line and column.
#ifndef ASYA_CLIBYAML_SHIM_H
#define ASYA_CLIBYAML_SHIM_H

#include <yaml.h>

#endif
