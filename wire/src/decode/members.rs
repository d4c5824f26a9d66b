//! The members of a payload, its items and its meta, by their names on the wire.

use super::reader::{Fault, Reader};
use super::scalar::{flag, keep, number, whole};
use super::{Decode, Members};
use crate::meta::{
    App, Brand, Brands, Browser, Delivery, Integration, K6, Meta, Os, Overrides, Page, Sdk, Session, User, View,
};
use crate::{Action, Event, Exception, Frame, Log, Measurement, Payload, Stacktrace, Text, TraceContext};
use std::borrow::Cow;

impl<'a> Members<'a> for Payload<'a> {
    fn member(&mut self, key: &str, reader: &mut Reader<'a>) -> Result<bool, Fault> {
        match key {
            "meta" => self.meta.decode(reader)?,
            "logs" => self.logs.decode(reader)?,
            "events" => self.events.decode(reader)?,
            "measurements" => self.measurements.decode(reader)?,
            "exceptions" => self.exceptions.decode(reader)?,
            "traces" => self.traces.decode(reader)?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl<'a> Members<'a> for Log<'a> {
    fn member(&mut self, key: &str, reader: &mut Reader<'a>) -> Result<bool, Fault> {
        match key {
            "message" => self.message.decode(reader)?,
            "level" => self.level.decode(reader)?,
            "context" => self.context.decode(reader)?,
            "timestamp" => self.timestamp.decode(reader)?,
            "trace" => self.trace.decode(reader)?,
            "action" => self.action.decode(reader)?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn unknown(&mut self, key: Cow<'a, str>, reader: &mut Reader<'a>) -> Result<(), Fault> {
        keep(&mut self.more, key, reader)
    }
}

impl<'a> Members<'a> for Event<'a> {
    fn member(&mut self, key: &str, reader: &mut Reader<'a>) -> Result<bool, Fault> {
        match key {
            "name" => self.name.decode(reader)?,
            "domain" => self.domain.decode(reader)?,
            "attributes" => self.attributes.decode(reader)?,
            "timestamp" => self.timestamp.decode(reader)?,
            "trace" => self.trace.decode(reader)?,
            "action" => self.action.decode(reader)?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn unknown(&mut self, key: Cow<'a, str>, reader: &mut Reader<'a>) -> Result<(), Fault> {
        keep(&mut self.more, key, reader)
    }
}

impl<'a> Members<'a> for Measurement<'a> {
    fn member(&mut self, key: &str, reader: &mut Reader<'a>) -> Result<bool, Fault> {
        match key {
            "type" => self.kind.decode(reader)?,
            "values" => self.values.decode(reader)?,
            "timestamp" => self.timestamp.decode(reader)?,
            "context" => self.context.decode(reader)?,
            "trace" => self.trace.decode(reader)?,
            "action" => self.action.decode(reader)?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn unknown(&mut self, key: Cow<'a, str>, reader: &mut Reader<'a>) -> Result<(), Fault> {
        keep(&mut self.more, key, reader)
    }
}

impl<'a> Members<'a> for Exception<'a> {
    fn member(&mut self, key: &str, reader: &mut Reader<'a>) -> Result<bool, Fault> {
        match key {
            "type" => self.kind.decode(reader)?,
            "value" => self.value.decode(reader)?,
            "timestamp" => self.timestamp.decode(reader)?,
            "trace" => self.trace.decode(reader)?,
            "context" => self.context.decode(reader)?,
            "fingerprint" => self.fingerprint.decode(reader)?,
            "fatal" => self.fatal = flag(reader)?,
            "stacktrace" => self.stacktrace.decode(reader)?,
            "action" => self.action.decode(reader)?,
            _ => return Ok(false),
        }
        Ok(true)
    }

    fn unknown(&mut self, key: Cow<'a, str>, reader: &mut Reader<'a>) -> Result<(), Fault> {
        keep(&mut self.more, key, reader)
    }
}

impl<'a> Members<'a> for Stacktrace<'a> {
    fn member(&mut self, key: &str, reader: &mut Reader<'a>) -> Result<bool, Fault> {
        match key {
            "frames" => self.frames.decode(reader)?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl<'a> Members<'a> for Frame<'a> {
    fn member(&mut self, key: &str, reader: &mut Reader<'a>) -> Result<bool, Fault> {
        match key {
            "filename" => self.filename.decode(reader)?,
            "function" => self.function.decode(reader)?,
            "lineno" => self.lineno = whole(reader)?,
            "colno" => self.colno = whole(reader)?,
            "module" => self.module.decode(reader)?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl<'a> Members<'a> for TraceContext<'a> {
    fn member(&mut self, key: &str, reader: &mut Reader<'a>) -> Result<bool, Fault> {
        match key {
            "trace_id" => self.trace_id.decode(reader)?,
            "span_id" => self.span_id.decode(reader)?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl<'a> Members<'a> for Action<'a> {
    fn member(&mut self, key: &str, reader: &mut Reader<'a>) -> Result<bool, Fault> {
        match key {
            "id" => self.id.decode(reader)?,
            "name" => self.name.decode(reader)?,
            "parentId" => self.parent_id.decode(reader)?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl<'a> Members<'a> for Meta<'a> {
    fn member(&mut self, key: &str, reader: &mut Reader<'a>) -> Result<bool, Fault> {
        match key {
            "sdk" => self.sdk.decode(reader)?,
            "app" => self.app.decode(reader)?,
            "user" => self.user.decode(reader)?,
            "view" => self.view.decode(reader)?,
            "browser" => self.browser.decode(reader)?,
            "os" => self.os.decode(reader)?,
            "page" => self.page.decode(reader)?,
            "k6" => self.k6.decode(reader)?,
            "session" => self.session.decode(reader)?,
            "farol" => self.farol.decode(reader)?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl<'a> Members<'a> for Sdk<'a> {
    fn member(&mut self, key: &str, reader: &mut Reader<'a>) -> Result<bool, Fault> {
        match key {
            "name" => self.name.decode(reader)?,
            "version" => self.version.decode(reader)?,
            "integrations" => self.integrations.decode(reader)?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl<'a> Members<'a> for Integration<'a> {
    fn member(&mut self, key: &str, reader: &mut Reader<'a>) -> Result<bool, Fault> {
        match key {
            "name" => self.name.decode(reader)?,
            "version" => self.version.decode(reader)?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl<'a> Members<'a> for App<'a> {
    fn member(&mut self, key: &str, reader: &mut Reader<'a>) -> Result<bool, Fault> {
        match key {
            "name" => self.name.decode(reader)?,
            "namespace" => self.namespace.decode(reader)?,
            "release" => self.release.decode(reader)?,
            "version" => self.version.decode(reader)?,
            "environment" => self.environment.decode(reader)?,
            "bundleId" => self.bundle_id.decode(reader)?,
            "gitHash" => self.git_hash.decode(reader)?,
            "installationId" => self.installation_id.decode(reader)?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl<'a> Members<'a> for User<'a> {
    fn member(&mut self, key: &str, reader: &mut Reader<'a>) -> Result<bool, Fault> {
        match key {
            "email" => self.email.decode(reader)?,
            "id" => self.id.decode(reader)?,
            "username" => self.username.decode(reader)?,
            "fullName" => self.full_name.decode(reader)?,
            "roles" => self.roles.decode(reader)?,
            "hash" => self.hash.decode(reader)?,
            "attributes" => self.attributes.decode(reader)?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl<'a> Members<'a> for View<'a> {
    fn member(&mut self, key: &str, reader: &mut Reader<'a>) -> Result<bool, Fault> {
        match key {
            "name" => self.name.decode(reader)?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl<'a> Members<'a> for Browser<'a> {
    fn member(&mut self, key: &str, reader: &mut Reader<'a>) -> Result<bool, Fault> {
        match key {
            "name" => self.name.decode(reader)?,
            "version" => self.version.decode(reader)?,
            "os" => self.os.decode(reader)?,
            "userAgent" => self.user_agent.decode(reader)?,
            "language" => self.language.decode(reader)?,
            "mobile" => self.mobile = flag(reader)?,
            "brands" => self.brands.decode(reader)?,
            "viewportWidth" => self.viewport_width.decode(reader)?,
            "viewportHeight" => self.viewport_height.decode(reader)?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl<'a> Members<'a> for Brand<'a> {
    fn member(&mut self, key: &str, reader: &mut Reader<'a>) -> Result<bool, Fault> {
        match key {
            "brand" => self.brand.decode(reader)?,
            "version" => self.version.decode(reader)?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl<'a> Members<'a> for Os<'a> {
    fn member(&mut self, key: &str, reader: &mut Reader<'a>) -> Result<bool, Fault> {
        match key {
            "name" => self.name.decode(reader)?,
            "version" => self.version.decode(reader)?,
            "build_id" => self.build_id.decode(reader)?,
            "detail" => self.detail.decode(reader)?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl<'a> Members<'a> for Page<'a> {
    fn member(&mut self, key: &str, reader: &mut Reader<'a>) -> Result<bool, Fault> {
        match key {
            "id" => self.id.decode(reader)?,
            "url" => self.url.decode(reader)?,
            "attributes" => self.attributes.decode(reader)?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl<'a> Members<'a> for K6<'a> {
    fn member(&mut self, key: &str, reader: &mut Reader<'a>) -> Result<bool, Fault> {
        match key {
            "isK6Browser" => self.is_k6_browser = flag(reader)?,
            "testRunId" => self.test_run_id.decode(reader)?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl<'a> Members<'a> for Session<'a> {
    fn member(&mut self, key: &str, reader: &mut Reader<'a>) -> Result<bool, Fault> {
        match key {
            "id" => self.id.decode(reader)?,
            "attributes" => self.attributes.decode(reader)?,
            "overrides" => self.overrides.decode(reader)?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl<'a> Members<'a> for Overrides<'a> {
    fn member(&mut self, key: &str, reader: &mut Reader<'a>) -> Result<bool, Fault> {
        match key {
            "serviceName" => self.service_name.decode(reader)?,
            "geoLocationTrackingEnabled" => self.geo_location_tracking_enabled = flag(reader)?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl<'a> Members<'a> for Delivery<'a> {
    fn member(&mut self, key: &str, reader: &mut Reader<'a>) -> Result<bool, Fault> {
        match key {
            "sentAt" => self.sent_at = number(reader)?,
            "instance" => self.instance.decode(reader)?,
            "sequence" => self.sequence = whole(reader)?,
            "dropped" => self.dropped.decode(reader)?,
            _ => return Ok(false),
        }
        Ok(true)
    }
}

impl<'a> Decode<'a> for Brands<'a> {
    fn decode(&mut self, reader: &mut Reader<'a>) -> Result<(), Fault> {
        *self = if reader.peek() == b'[' {
            let mut brands = Vec::new();
            reader.list(|reader| {
                let mut brand = Brand::default();
                brand.decode(reader)?;
                brands.push(brand);
                Ok(())
            })?;
            Brands::List(brands)
        } else {
            let mut word = Text::default();
            word.decode(reader)?;
            Brands::Word(word)
        };
        Ok(())
    }
}
