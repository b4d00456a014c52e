#include <linux/i2c.h>
#include "spi.h"
